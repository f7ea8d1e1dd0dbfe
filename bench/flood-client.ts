// SPDX-License-Identifier: Apache-2.0
/**
 * flood-client ADDRESS PORT COUNT: holds so many connections. Prints "open"; at a line on stdin asks on each of them and prints how many
 * did not answer. "dial SECONDS" in that line: first dials new connections for so long and prints how many, and how many failed.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

const [address = '', port = '', count = ''] = process.argv.slice(2)
const REQUEST = Buffer.alloc(64, 'k')
/** A SYN that was lost is sent again after 1, 3 and 7 seconds. */
const TIMEOUT_MS = 5_000

async function dial(): Promise<Socket> {
  const socket = connect({ host: address, port: Number(port), noDelay: true })
  await once(socket, 'connect', { signal: AbortSignal.timeout(TIMEOUT_MS) })
  return socket
}

async function answers(socket: Socket): Promise<boolean> {
  try {
    const answer = once(socket, 'data', { signal: AbortSignal.timeout(TIMEOUT_MS) })
    socket.write(REQUEST)
    await answer
    return true
  } catch {
    return false
  }
}

async function dialFor(seconds: number): Promise<string> {
  const end = performance.now() + seconds * 1_000
  let dialled = 0
  let failed = 0
  while (performance.now() < end) {
    dialled++
    try {
      const socket = await dial()
      if (!(await answers(socket))) failed++
      socket.resetAndDestroy()
    } catch {
      failed++
    }
  }
  return `${dialled} ${failed}`
}

const held: Socket[] = []
for (let i = 0; i < Number(count); i++) {
  const socket = await dial()
  socket.on('error', () => {})
  if (!(await answers(socket))) throw new Error('a connection was not served before the flood')
  held.push(socket)
}
console.log('open')
for await (const line of createInterface({ input: process.stdin })) {
  const [, seconds] = /^dial (\d+)$/.exec(line) ?? []
  if (seconds !== undefined) console.log(await dialFor(Number(seconds)))
  const alive = await Promise.all(held.map(answers))
  console.log(String(alive.filter(one => !one).length))
}
for (const socket of held) socket.destroy()
