// SPDX-License-Identifier: Apache-2.0
/** Takes a lab down, whatever state it is in: whole, half made, or left behind by a crash. Nothing is found by a process's name. */
import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { removeBpffsFolders } from './bpffs.ts'
import { cgroupFolder, killAll, removeCgroups } from './cgroup.ts'
import { LabError, messageOf } from './error.ts'
import { bpffsMount, cgroupMount } from './mount.ts'
import { namespacesOf } from './namespace.ts'
import { isAlive, signalProcess, waitForEnd } from './process.ts'
import { type LabState, readState, removeState } from './state.ts'

const run = promisify(execFile)

/** Whether nobody will ever bring this lab to an end: its owner died on the way up, or died and was to take it down. */
export function isLeftBehind(state: LabState | 'unreadable'): boolean {
  if (state === 'unreadable') return true
  return (state.phase === 'starting' || !state.keep) && !isAlive(state.owner)
}

/** Removes a lab and its state. false: there was none. */
export async function tearDown(lab: string): Promise<boolean> {
  const state = await readState(lab)
  const swept = await sweep(lab, state)
  await removeState(lab)
  return state !== undefined || swept
}

/** Removes what a lab left in the kernel. Namespaces last: their devices vanish with them. */
export async function sweep(lab: string, state?: LabState | 'unreadable'): Promise<boolean> {
  const cgroup = cgroupFolder(await cgroupMount(), lab)
  await killAll(cgroup)
  if (typeof state === 'object') await killRecorded(state)
  // Without a bpffs nothing can be pinned.
  const bpffs = await bpffsMount().catch(() => undefined)
  if (bpffs !== undefined) await removeBpffsFolders(bpffs, lab)
  const swept = await removeNamespaces(lab)
  await removeCgroups(cgroup)
  return swept
}

async function killRecorded({ processes }: LabState): Promise<void> {
  for (const id of processes) signalProcess(id, 'SIGKILL')
  for (const id of processes) await waitForEnd(id, 5000)
}

async function removeNamespaces(lab: string): Promise<boolean> {
  const found = await namespacesOf(lab)
  for (let round = 0, left = found; left.length > 0; round++) {
    const problems = await Promise.all(left.map(netns => run('ip', ['netns', 'del', netns]).then(() => '', messageOf)))
    left = await namespacesOf(lab)
    if (left.length > 0 && round >= 20)
      throw new LabError(`can't remove network namespaces: ${problems.filter(Boolean).join('; ')}`)
    if (left.length > 0) await sleep(20)
  }
  return found.length > 0
}
