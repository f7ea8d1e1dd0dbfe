// SPDX-License-Identifier: Apache-2.0
/** A lock between processes of one machine: a file that only one can create (O_EXCL), and that outlives nobody for long. */
import { readFileSync, readlinkSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, SourceError } from '../source.ts'

/** What is done under the lock takes milliseconds: a lock of this age belongs to nobody who runs. */
const STALE_MS = 5_000
const GIVE_UP_MS = 15_000
const RETRY_MS = 15

let taken = 0

/** Runs `action`, which must not wait for anything, while no other process runs one under this lock. */
export async function withLock<T>(path: string, action: (stillMine: () => boolean) => T): Promise<T> {
  const token = `${pidNamespace()} ${process.pid} ${++taken} ${Date.now()}`
  await acquire(path, token)
  try {
    return action(() => read(path) === token)
  } finally {
    if (read(path) === token) rmSync(path, { force: true })
  }
}

async function acquire(path: string, token: string): Promise<void> {
  const end = performance.now() + GIVE_UP_MS
  while (!create(path, token)) {
    if (isStale(path)) breakLock(path, token)
    else if (performance.now() > end) {
      throw new SourceError(`${path}: another process holds this lock: stop it, or remove the file if none runs`)
    } else await sleep(RETRY_MS * (0.5 + Math.random()))
  }
}

function create(path: string, token: string): boolean {
  try {
    writeFileSync(path, token, { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Its process is dead, or it is too old: then the process is of another PID namespace, or has the number of a dead one. */
function isStale(path: string): boolean {
  const [namespace, pid] = (read(path) ?? '').split(' ')
  if (namespace === pidNamespace() && Number(pid) > 0 && !isAlive(Number(pid))) return true
  const age = Date.now() - (modified(path) ?? Date.now())
  return age > STALE_MS || age < -STALE_MS
}

/** One at a time may break a lock, or it would break the lock that the other just took. */
function breakLock(path: string, token: string): void {
  const guard = `${path}.break`
  if (!create(guard, token)) {
    if (Date.now() - (modified(guard) ?? Date.now()) > STALE_MS) rmSync(guard, { force: true })
    return
  }
  try {
    if (isStale(path)) renameSync(path, guard)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  } finally {
    rmSync(guard, { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

function pidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid')
}

function modified(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
