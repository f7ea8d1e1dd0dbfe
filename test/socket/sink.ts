// SPDX-License-Identifier: Apache-2.0
/**
 * A UDP server that answers with a name, and notes when the last datagram came: `node sink.ts PORT NAME`. For a line on its
 * standard input it writes how many datagrams there were, and when the last one came (milliseconds of Date.now()).
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import type { Lab } from '../../lab/lab.ts'

export interface Sunk {
  readonly count: number
  readonly last: number
}

/** Starts one in a pod. The function asks it. */
export async function startSink(lab: Lab, pod: string, port: number): Promise<() => Promise<Sunk>> {
  const child = lab.spawn(pod, [process.execPath, import.meta.filename, String(port), pod], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines: Interface = createInterface({ input: child.stdout! })
  await once(lines, 'line')
  return async () => {
    const line = once(lines, 'line')
    child.stdin!.write('\n')
    return JSON.parse((await line)[0])
  }
}

function serve(port: number, name: string): void {
  let sunk: Sunk = { count: 0, last: 0 }
  const socket = createSocket({ type: 'udp6', recvBufferSize: 1 << 22 })
  socket.on('message', (_, from) => {
    sunk = { count: sunk.count + 1, last: Date.now() }
    socket.send(name, from.port, from.address, () => undefined)
  })
  socket.bind(port, '::', () => process.stdout.write('ready\n'))
  createInterface({ input: process.stdin }).on('line', () => process.stdout.write(`${JSON.stringify(sunk)}\n`))
}

if (import.meta.main) serve(Number(process.argv[2]), process.argv[3] ?? '')
