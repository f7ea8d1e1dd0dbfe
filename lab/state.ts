// SPDX-License-Identifier: Apache-2.0
/**
 * What is known about a lab on disk, below /run/evenkeel/lab/NAME. state.json is the first thing that `up` writes and the
 * last that `down` removes, so that a crash in between leaves nothing that can't be found.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, LabError } from './error.ts'
import { LABS_FOLDER, labFolder } from './names.ts'
import type { Plan } from './plan.ts'
import type { ProcessId } from './process.ts'

export interface LabProcess extends ProcessId {
  readonly role: 'agent' | 'server'
  /** The node or the pod that it serves. */
  readonly of: string
}

export interface LabState {
  readonly plan: Plan
  /** Who brings it up; meaningless once it is up. */
  readonly owner: ProcessId
  readonly phase: 'starting' | 'up'
  /** Whether it is to outlive its owner. */
  readonly keep: boolean
  readonly agents: boolean
  /** Base of the agents' configuration; undefined: none. */
  readonly config?: object | undefined
  /** Absolute path of the kubeconfig that the agents read; undefined: they read the lab's manifests. */
  readonly kubeconfig?: string | undefined
  readonly processes: readonly LabProcess[]
}

/** Files of a lab, by what they are. */
export function labPaths(lab: string) {
  const folder = labFolder(lab)
  return {
    folder,
    state: join(folder, 'state.json'),
    manifests: join(folder, 'manifests'),
    allocations: join(folder, 'allocations.json'),
    log: (of: string) => join(folder, 'logs', `${of}.log`),
    ready: (of: string) => join(folder, 'ready', of),
    config: (node: string) => join(folder, 'config', `${node}.yaml`),
    folders: ['manifests', 'logs', 'ready', 'config'].map(name => join(folder, name)),
  }
}

export type LabPaths = ReturnType<typeof labPaths>

/** Claims the lab's name. false: somebody has it. */
export async function claimState(state: LabState): Promise<boolean> {
  const paths = labPaths(state.plan.lab)
  await mkdir(paths.folder, { recursive: true })
  try {
    await writeFile(paths.state, JSON.stringify(state), { flag: 'wx' })
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
  for (const folder of paths.folders) await mkdir(folder, { recursive: true })
  return true
}

/** One after the other: each change sees the one before. */
let lastChange: Promise<void> = Promise.resolve()

export function changeState(lab: string, change: (state: LabState) => LabState): Promise<void> {
  const next = lastChange.then(async () => writeState(change(await requireState(lab))))
  lastChange = next.catch(() => undefined)
  return next
}

/** Records a process as the lab's. */
export function record(lab: string, role: LabProcess['role'], of: string, id: ProcessId): Promise<void> {
  return changeState(lab, state => {
    const others = state.processes.filter(known => known.role !== role || known.of !== of)
    return { ...state, processes: [...others, { role, of, ...id }] }
  })
}

async function writeState(state: LabState): Promise<void> {
  const path = labPaths(state.plan.lab).state
  await writeFile(`${path}.new`, JSON.stringify(state))
  await rename(`${path}.new`, path)
}

/** undefined: there is no such lab. 'unreadable': a crash cut its first write short. */
export async function readState(lab: string): Promise<LabState | 'unreadable' | undefined> {
  const text = await readFile(labPaths(lab).state, 'utf8').catch(error => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as LabState
  } catch {
    return 'unreadable'
  }
}

/** State of a lab that must be there. */
export async function requireState(lab: string): Promise<LabState> {
  const state = await readState(lab)
  if (typeof state === 'object') return state
  const others = await labNames()
  const hint = others.length > 0 ? `there are: ${others.join(', ')}` : "'evenkeel lab up' makes one"
  throw new LabError(`there is no lab "${lab}" (${hint})`)
}

export async function labNames(): Promise<string[]> {
  try {
    return (await readdir(LABS_FOLDER)).toSorted()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

export async function removeState(lab: string): Promise<void> {
  await rm(labFolder(lab), { recursive: true, force: true })
}
