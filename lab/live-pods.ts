// SPDX-License-Identifier: Apache-2.0
/** Pods that come to a lab that is up, and pods that leave it. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { killAll, makeCgroups, removeCgroups } from './cgroup.ts'
import { type Context, setup } from './context.ts'
import { LabError } from './error.ts'
import { writePod } from './manifests.ts'
import { podFile } from './names.ts'
import { configure, ipBatch } from './namespace.ts'
import { findPod, type Plan, type PlannedPod, places, podPlace, withPod } from './plan.ts'
import { makePodLink, podConfiguration, podRoutes, podSysctls } from './pod-link.ts'
import { startServer } from './servers.ts'
import { changeState, record } from './state.ts'
import { type PodInput, parsePod, type TopologyPod } from './topology.ts'

/** Gives the lab as it is with the pod, which answers and has its object in the folder of manifests by then. */
export async function addPod(context: Context, input: PodInput): Promise<Context> {
  const pod = parsePod(input)
  checkNew(context.plan, pod)
  const plan = withPod(context.plan, pod)
  const after = { ...context, plan }
  const planned = plan.pods.at(-1)!
  await changeState(plan.lab, state => ({ ...state, plan: withPod(state.plan, pod) }))
  await makeCgroups(context.cgroups, [podPlace(planned).cgroup])
  await ipBatch(setup(after), [`netns add ${planned.netns}`, makePodLink(plan, planned)])
  await connect(after, planned)
  if (planned.serve !== undefined) await startServer(after, planned, id => record(plan.lab, 'server', pod.name, id))
  await writePod(after.paths.manifests, plan, planned)
  return after
}

async function connect(context: Context, pod: PlannedPod): Promise<void> {
  const node = context.plan.nodes.find(({ name }) => name === pod.node)!
  await configure(setup(context, pod.netns), podConfiguration(pod))
  await configure(setup(context, node.netns), { sysctls: podSysctls([pod]), lines: podRoutes(pod) })
}

function checkNew(plan: Plan, { name, node }: TopologyPod): void {
  const nodes = plan.nodes.map(({ name }) => name)
  if (!nodes.includes(node))
    throw new LabError(`pod "${name}": node "${node}" is not in lab "${plan.lab}" (nodes: ${nodes.join(', ')})`)
  const taken = places(plan).some(place => place.name === name || place.name.endsWith(`/${name}`))
  if (taken) throw new LabError(`pod "${name}": the name is taken in lab "${plan.lab}"; choose another one`)
}

/** Its object goes first, then its processes, then its network. */
export async function removePod(context: Context, name: string): Promise<Context> {
  const pod = findPod(context.plan, name)
  const without = (plan: Plan) => ({ ...plan, pods: plan.pods.filter(other => other.name !== pod.name) })
  const cgroup = join(context.cgroups, podPlace(pod).cgroup)
  await rm(join(context.paths.manifests, podFile(pod.name)), { force: true })
  await killAll(cgroup)
  await removeCgroups(cgroup)
  await ipBatch(setup(context), [`netns del ${pod.netns}`])
  await changeState(context.plan.lab, state => ({
    ...state,
    plan: without(state.plan),
    processes: state.processes.filter(({ role, of }) => role !== 'server' || of !== pod.name),
  }))
  return { ...context, plan: without(context.plan) }
}
