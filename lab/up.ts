// SPDX-License-Identifier: Apache-2.0
/** Brings a lab up. */
import { resolve } from 'node:path'
import { makeBpffsFolders } from './bpffs.ts'
import { makeCgroups, SETUP_CGROUP } from './cgroup.ts'
import { type Context, contextOf, setup } from './context.ts'
import { readInput, splitFile } from './documents.ts'
import { LabError, messageOf } from './error.ts'
import { configurations, makeLinks } from './fabric.ts'
import { guard, unguard } from './guard.ts'
import { beginAgent, type Lab, labOf } from './lab.ts'
import { writeManifests } from './manifests.ts'
import { checkLabName } from './names.ts'
import { configure, ipBatch } from './namespace.ts'
import { makePlan, type Plan, places } from './plan.ts'
import { podsFromManifests } from './pods.ts'
import { processId } from './process.ts'
import { startServer } from './servers.ts'
import { changeState, claimState, type LabState, readState, record } from './state.ts'
import { isLeftBehind, sweep, tearDown } from './teardown.ts'
import { defaultTopology, parseTopology, type Topology, type TopologyInput } from './topology.ts'
import { checkTopology } from './topology-check.ts'

export interface LabOptions {
  readonly name: string
  /** Files and folders with Kubernetes manifests, and at most one topology. */
  readonly files?: readonly string[]
  /** Texts of further manifests, by file name. Pods in them run as those of files do. */
  readonly manifests?: Readonly<Record<string, string>>
  /** Default: that of the files, else two nodes. */
  readonly topology?: TopologyInput
  /** Default true. */
  readonly agents?: boolean
  /** Base of the agents' configuration. */
  readonly config?: object
  /** The agents read this API server, not the lab's manifests: it is in the lab, as the machine's own network can't be reached. */
  readonly kubeconfig?: string
  /** Network and pods are up, the agents not: begins what they need, such as an API server in a place of the lab. */
  readonly beforeAgents?: (lab: Lab) => Promise<void>
  /** Default true. */
  readonly untilReady?: boolean
  /** Default false: the lab goes down when this process ends. */
  readonly keep?: boolean
  readonly progress?: (line: string) => void
}

interface Design {
  readonly topology: Topology
  readonly manifests: Readonly<Record<string, string>>
}

/** Brings a lab up, or leaves nothing behind and throws. */
export async function upLab(options: LabOptions): Promise<Lab> {
  const name = checkLabName(options.name)
  const { topology, manifests } = await readDesign(options)
  const owner = processId(process.pid)!
  const { agents = true, keep = false, config } = options
  const kubeconfig = options.kubeconfig && resolve(options.kubeconfig)
  const state: LabState = {
    plan: makePlan(name, topology),
    owner,
    phase: 'starting',
    agents,
    keep,
    config,
    kubeconfig,
    processes: [],
  }
  const context = await contextOf(state)
  await claim(state)
  guard(name)
  try {
    await build(context, manifests, options)
    await changeState(name, state => ({ ...state, phase: 'up' }))
  } catch (error) {
    await tearDown(name)
    unguard(name)
    throw error
  }
  if (keep) unguard(name)
  return labOf(context)
}

/** Everything that can be wrong with the user's input shows here, before anything is made. */
async function readDesign(options: LabOptions): Promise<Design> {
  const read = await readInput(options.files ?? [])
  const given = Object.entries(options.manifests ?? {}).map(([name, text]) => splitFile(name, text))
  const pods = [...read.pods, ...given.flatMap(({ pods }) => pods)]
  const manifests = Object.assign({ ...read.manifests }, ...given.map(({ manifests }) => manifests))
  const documents = [...read.topologies, ...given.flatMap(({ topologies }) => topologies)]
  if (documents.length > 1) {
    const where = documents.map(({ locate }) => locate([])).join(' and ')
    throw new LabError(`more than one LabTopology (${where}); give one`)
  }
  const [found] = documents
  const base = found
    ? parseTopology(found.value, found.locate)
    : options.topology
      ? parseTopology(options.topology, () => 'topology')
      : defaultTopology(pods.length === 0)
  const topology = checkTopology({ ...base, pods: [...base.pods, ...podsFromManifests(pods, base.nodes)] })
  return { topology, manifests }
}

/** Takes the lab's name, from a dead owner too. */
async function claim(state: LabState): Promise<void> {
  const name = state.plan.lab
  if (!(await claimState(state))) {
    const other = await readState(name)
    if (other !== undefined && !isLeftBehind(other)) throw new LabError(takenMessage(name, other as LabState))
    await tearDown(name)
    if (!(await claimState(state))) throw new LabError(`lab "${name}" is being brought up by somebody else`)
  }
  await sweep(name)
}

function takenMessage(name: string, { phase, owner }: LabState): string {
  if (phase === 'starting')
    return `lab "${name}" is being brought up by process ${owner.pid}; wait, or choose another --name`
  return `lab "${name}" is up already; take it down ('evenkeel lab down --name ${name}') or choose another --name`
}

async function build(
  context: Context,
  manifests: Readonly<Record<string, string>>,
  { progress = () => undefined, beforeAgents, untilReady = true }: LabOptions,
): Promise<void> {
  const { plan, paths } = context
  progress(`lab ${plan.lab}: ${plan.nodes.length} nodes, ${plan.pods.length} pods, ${plan.outside.length} outside`)
  await Promise.all([buildNetwork(context), writeManifests(paths.manifests, plan, manifests)])
  progress('network: up')
  await Promise.all([
    serveAll(context, progress),
    Promise.resolve(beforeAgents?.(labOf(context))).then(() => runAgents(context, progress, untilReady)),
  ])
}

async function buildNetwork(context: Context): Promise<void> {
  const { plan, cgroups } = context
  await makeCgroups(cgroups, [SETUP_CGROUP, ...places(plan).map(({ cgroup }) => cgroup)])
  await ipBatch(setup(context), makeLinks(plan))
  const all = configurations(plan).map(configuration => configure(setup(context, configuration.netns), configuration))
  await Promise.all(all).catch(error => {
    throw explained(plan, error)
  })
}

/** What `ip` calls "Unknown device type" is a node's uplink that this kernel was built without. */
function explained({ nodes }: Plan, error: unknown): unknown {
  const special = nodes.filter(({ uplinks }) => uplinks.some(({ kind }) => kind === 'vlan' || kind === 'bond'))
  if (special.length === 0 || !messageOf(error).includes('Unknown device type')) return error
  const which = special.map(({ name, uplinks }) => `node "${name}": uplink: ${uplinks[0]!.kind}`).join(', ')
  return new LabError(
    `${which}: this kernel has no such devices (CONFIG_VLAN_8021Q, CONFIG_BONDING); use veth or bridge`,
  )
}

async function serveAll(context: Context, progress: (line: string) => void): Promise<void> {
  const pods = context.plan.pods.filter(({ serve }) => serve !== undefined)
  await Promise.all(pods.map(pod => startServer(context, pod, id => record(context.plan.lab, 'server', pod.name, id))))
  if (pods.length > 0) progress(`pods: ${pods.length} serving`)
}

async function runAgents(context: Context, progress: (line: string) => void, untilReady: boolean): Promise<void> {
  const { plan, bpffs } = context
  if (bpffs === undefined) return
  const names = plan.nodes.map(({ name }) => name)
  await makeBpffsFolders(bpffs, plan.lab, names)
  await Promise.all(
    plan.nodes.map(async node => {
      await beginAgent(context, node, { untilReady })
      progress(`agent of ${node.name}: ${untilReady ? 'ready' : 'started'}`)
    }),
  )
}
