// SPDX-License-Identifier: Apache-2.0
/** One agent for one folder of pins: two that write the same maps would undo each other. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { MismatchError } from './mismatch.ts'
import type { PinFolder } from './pins.ts'

/** What the holder says to a question, a line; to the empty one, how it does. */
export type Answer = (question: string) => string

/**
 * Holds the folder until the returned function is called or the process ends, however it ends: the mark is a socket in the abstract
 * namespace (unix(7)) of the network namespace that the agent serves. Whoever connects to it may ask the holder. Throws
 * MismatchError when another process holds it.
 */
export async function holdExclusively({ path }: PinFolder, answer: Answer = () => ''): Promise<() => void> {
  const server = createServer(socket => converse(socket, answer)).unref()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(`\0${markOf(path)}`, resolve)
  }).catch(error => {
    if (!('code' in error) || error.code !== 'EADDRINUSE') throw error
    throw new MismatchError(`Another agent runs with the maps in ${path}`, 'End it first; traffic goes on meanwhile')
  })
  return () => void server.close()
}

/** One line, one answer. */
function converse(socket: Socket, answer: Answer): void {
  let question = ''
  socket
    .setEncoding('utf8')
    .setTimeout(ANSWER_MS, () => socket.destroy())
    .on('error', () => undefined)
    .on('data', text => {
      question += text
      if (question.length > LONGEST) socket.destroy()
      else if (question.includes('\n')) socket.end(answer(question.trim()))
    })
}

/** The same for several: all or none. */
export async function holdAll(folders: readonly PinFolder[], answer?: Answer): Promise<() => void> {
  const held: (() => void)[] = []
  const release = () => {
    for (const letGo of held.splice(0)) letGo()
  }
  try {
    for (const folder of folders) held.push(await holdExclusively(folder, answer))
  } catch (error) {
    release()
    throw error
  }
  return release
}

/** Whether an agent holds the folder, in this network namespace: as proc(5) shows sockets of the abstract namespace. */
export function isHeld({ path }: Pick<PinFolder, 'path'>): boolean {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .some(line => line.endsWith(` @${markOf(path)}`))
}

/** What the holder of the folder answers; undefined: nobody in this network namespace holds it. */
export async function askHolder({ path }: PinFolder, question = ''): Promise<string | undefined> {
  const socket = connect(`\0${markOf(path)}`)
  socket.setTimeout(ANSWER_MS, () => socket.destroy())
  try {
    await once(socket, 'connect')
    socket.write(`${question}\n`)
    return await text(socket)
  } catch {
    return undefined
  }
}

/** Who is busy for longer counts as nobody. */
const ANSWER_MS = 2_000
/** Of a question: names of Kubernetes are shorter. */
const LONGEST = 1_024

function markOf(path: string): string {
  return `evenkeel ${path}`
}
