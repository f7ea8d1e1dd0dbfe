// SPDX-License-Identifier: Apache-2.0
/** A lab on this machine: its plan, and where its files, cgroups and pins are. */
import { delimiter, join } from 'node:path'
import { bpffsFolder } from './bpffs.ts'
import { cgroupFolder, SETUP_CGROUP } from './cgroup.ts'
import type { Confinement } from './command.ts'
import { LabError } from './error.ts'
import { bpffsMount, cgroupMount } from './mount.ts'
import { PROJECT_FOLDER } from './names.ts'
import type { Place, Plan } from './plan.ts'
import { type LabPaths, type LabState, labPaths } from './state.ts'

export interface Context {
  readonly plan: Plan
  readonly paths: LabPaths
  /** The lab's cgroup. */
  readonly cgroups: string
  /** Mount point of bpffs; undefined in a lab without agents. */
  readonly bpffs?: string | undefined
  /** Base of the agents' configuration. */
  readonly config?: object | undefined
  /** Of the API server that the agents read; undefined: they read the lab's manifests. */
  readonly kubeconfig?: string | undefined
}

export async function contextOf({ plan, agents, config, kubeconfig }: LabState): Promise<Context> {
  const cgroups = cgroupFolder(await cgroupMount(), plan.lab)
  const bpffs = agents ? await bpffsMount() : undefined
  return { plan, paths: labPaths(plan.lab), cgroups, bpffs, config, kubeconfig }
}

export function confinement(context: Context, place: Place): Confinement {
  return { cgroup: join(context.cgroups, place.cgroup), netns: place.netns }
}

/** For commands that set the lab up; without a namespace, `ip` works on all of them. */
export function setup(context: Context, netns?: string): Confinement {
  return { cgroup: join(context.cgroups, SETUP_CGROUP), netns }
}

/** Where a node's agent pins. */
export function nodeBpffs({ plan, bpffs }: Context, node: string): string {
  if (bpffs === undefined) throw new LabError(`lab "${plan.lab}" was made without agents`)
  return bpffsFolder(bpffs, plan.lab, node)
}

/** `evenkeel` is on the PATH, and reads the maps of the node where it runs. */
export function environment(context: Context, { node }: Place): NodeJS.ProcessEnv {
  const path = [PROJECT_FOLDER, process.env.PATH].join(delimiter)
  const root = context.bpffs !== undefined && node !== undefined ? { EVENKEEL_BPFFS: nodeBpffs(context, node) } : {}
  return { ...process.env, PATH: path, ...root }
}
