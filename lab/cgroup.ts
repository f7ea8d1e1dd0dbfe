// SPDX-License-Identifier: Apache-2.0
/** The lab's subtree of cgroup2: ek-lab-NAME/NODE/host and ek-lab-NAME/NODE/pod-NAME. Whatever runs in it is the lab's. */
import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode, LabError } from './error.ts'
import { cgroupName } from './names.ts'

export function cgroupFolder(mount: string, lab: string): string {
  return join(mount, cgroupName(lab))
}

/** Where the commands run that set the lab up. */
export const SETUP_CGROUP = 'setup'

export async function makeCgroups(root: string, children: readonly string[]): Promise<void> {
  for (const child of children) await mkdir(join(root, child), { recursive: true })
}

/** Pids of all processes of a subtree. */
async function processesOf(folder: string): Promise<number[]> {
  const procs = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(ignoreMissing(''))
  const own = procs.split('\n').filter(Boolean).map(Number)
  const below = await Promise.all((await childrenOf(folder)).map(processesOf))
  return [...own, ...below.flat()]
}

/** Kills until nothing is left: a process may fork between the look and the signal. (cgroup.kill is kernel 5.14+.) */
export async function killAll(folder: string): Promise<void> {
  for (let round = 0; round < 500; round++) {
    const pids = await processesOf(folder)
    if (pids.length === 0) return
    for (const pid of pids) killQuietly(pid)
    await sleep(10)
  }
  const left = await processesOf(folder)
  throw new LabError(`cgroup ${folder}: processes ${left.join(', ')} do not end when killed`)
}

function killQuietly(pid: number): void {
  // A process of another pid namespace shows as 0; kill(0) would be our own group.
  if (pid <= 0) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Ended in between.
  }
}

/** Removes a subtree without processes, from the leaves up. */
export async function removeCgroups(folder: string): Promise<void> {
  for (const child of await childrenOf(folder)) await removeCgroups(child)
  await removeEmpty(folder)
}

/** The kernel says EBUSY for a moment after the last process has gone; and one that was on its way in may have come since. */
async function removeEmpty(folder: string): Promise<void> {
  for (let round = 0; ; round++) {
    try {
      return await rmdir(folder)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return
      if (errorCode(error) !== 'EBUSY' || round >= 200) throw error
      for (const pid of await processesOf(folder)) killQuietly(pid)
      await sleep(10)
    }
  }
}

async function childrenOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(ignoreMissing([]))
  return entries.filter(entry => entry.isDirectory()).map(entry => join(folder, entry.name))
}

function ignoreMissing<T>(otherwise: T): (error: unknown) => T {
  return error => {
    if (['ENOENT', 'ENODEV'].includes(errorCode(error))) return otherwise
    throw error
  }
}
