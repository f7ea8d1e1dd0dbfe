// SPDX-License-Identifier: Apache-2.0
/** One agent for one folder of pins: two that write the same maps would undo each other. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { MismatchError } from './mismatch.ts'
import type { PinFolder } from './pins.ts'

/**
 * Holds the folder until the returned function is called or the process ends, however it ends: the mark is a socket in the abstract
 * namespace (unix(7)) of the network namespace that the agent serves. Whoever connects to it is told how the holder does. Throws
 * MismatchError when another process holds it.
 */
export async function holdExclusively({ path }: PinFolder, tell: () => string = () => ''): Promise<() => void> {
  const server = createServer(socket => socket.on('error', () => {}).end(tell())).unref()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(`\0${markOf(path)}`, resolve)
  }).catch(error => {
    if (!('code' in error) || error.code !== 'EADDRINUSE') throw error
    throw new MismatchError(`Another agent runs with the maps in ${path}`, 'End it first; traffic goes on meanwhile')
  })
  return () => void server.close()
}

/** The same for several: all or none. */
export async function holdAll(folders: readonly PinFolder[], tell?: () => string): Promise<() => void> {
  const held: (() => void)[] = []
  const release = () => {
    for (const letGo of held.splice(0)) letGo()
  }
  try {
    for (const folder of folders) held.push(await holdExclusively(folder, tell))
  } catch (error) {
    release()
    throw error
  }
  return release
}

/** Whether an agent holds the folder, in this network namespace: as proc(5) shows sockets of the abstract namespace. */
export function isHeld({ path }: PinFolder): boolean {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .some(line => line.endsWith(` @${markOf(path)}`))
}

/** What the holder of the folder tells; undefined: nobody in this network namespace holds it. */
export async function askHolder({ path }: PinFolder): Promise<string | undefined> {
  const socket = connect(`\0${markOf(path)}`)
  socket.setTimeout(ANSWER_MS, () => socket.destroy())
  try {
    await once(socket, 'connect')
    return await text(socket)
  } catch {
    return undefined
  }
}

/** A holder that is busy for longer counts as none. */
const ANSWER_MS = 2_000

function markOf(path: string): string {
  return `evenkeel ${path}`
}
