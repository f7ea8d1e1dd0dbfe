// SPDX-License-Identifier: Apache-2.0
/** One agent for one folder of pins: two that write the same maps would undo each other. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { MismatchError } from './mismatch.ts'
import type { PinFolder } from './pins.ts'

/**
 * Holds the folder until the returned function is called or the process ends, however it ends: the mark is a socket in the abstract
 * namespace (unix(7)) of the network namespace that the agent serves. Throws MismatchError when another process holds it.
 */
export async function holdExclusively({ path }: PinFolder): Promise<() => void> {
  const server = createServer().unref()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(`\0${markOf(path)}`, resolve)
  }).catch(error => {
    if (!('code' in error) || error.code !== 'EADDRINUSE') throw error
    throw new MismatchError(`Another agent runs with the maps in ${path}`, 'End it first; traffic goes on meanwhile')
  })
  return () => void server.close()
}

/** Whether an agent holds the folder, in this network namespace: as proc(5) shows sockets of the abstract namespace. */
export function isHeld({ path }: PinFolder): boolean {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .some(line => line.endsWith(` @${markOf(path)}`))
}

function markOf(path: string): string {
  return `evenkeel ${path}`
}
