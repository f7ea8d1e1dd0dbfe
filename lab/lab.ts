// SPDX-License-Identifier: Apache-2.0
/** Labs, as programs use them: tests, bench, the demo and the `lab` command. */
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { join } from 'node:path'
import { type AgentStart, agentLabel, startAgent } from './agents.ts'
import { collect, type ExecResult, spawnConfined } from './command.ts'
import { type Context, confinement, contextOf, environment, nodeBpffs } from './context.ts'
import type { Dialled, DialOptions } from './dial.ts'
import { diallers } from './diallers.ts'
import { LabError } from './error.ts'
import { unguard } from './guard.ts'
import { addPod, removePod } from './live-pods.ts'
import { podFile } from './names.ts'
import { type Family, findPlace, findPod, type Plan, type PlannedNode } from './plan.ts'
import { isAlive, signalProcess, waitForEnd } from './process.ts'
import { type LabProcess, record, requireState } from './state.ts'
import { tearDown } from './teardown.ts'
import type { PodInput } from './topology.ts'

export interface ExecOptions {
  readonly input?: string | Buffer
  /** Milliseconds; default 30,000. Then the command is killed. */
  readonly timeout?: number
  readonly env?: NodeJS.ProcessEnv
}

export interface SpawnOptions {
  readonly stdio?: StdioOptions
  readonly env?: NodeJS.ProcessEnv
}

export interface Lab extends AsyncDisposable {
  readonly name: string
  /** As it is now: pods come and go. */
  readonly plan: Plan
  /** Folder of the manifests that make up the cluster; add, change and remove files to change it. */
  readonly manifests: string
  /** Where logs, configurations and the allocation file are. */
  readonly folder: string
  /** Runs a command in "node1", "node1/client" (or "client") or "outside". A command that fails is no error: see code. */
  exec(where: string, argv: readonly string[], options?: ExecOptions): Promise<ExecResult>
  spawn(where: string, argv: readonly string[], options?: SpawnOptions): ChildProcess
  /** Opens connections or sends datagrams from a place, one kind after the other, and gives each one's outcome. */
  dial(where: string, ...options: readonly DialOptions[]): Promise<Dialled[]>
  /** A pod's address. */
  address(pod: string, family?: Family): string
  /** Where a node's agent pins. */
  bpffs(node: string): string
  /** The file with what a node's agent has said. */
  agentLog(node: string): string
  /** The file that holds a pod's object. */
  podFile(pod: string): string
  /** Waits until it answers and its object is in the manifests. */
  addPod(pod: PodInput): Promise<void>
  /** Its object goes first, then its processes, then its network. */
  removePod(pod: string): Promise<void>
  /** Waits until it is ready, unless told not to: it is not before its API server answers. */
  startAgent(node: string, options?: AgentStart): Promise<void>
  /** Default SIGTERM. Waits until it has ended. */
  stopAgent(node: string, signal?: NodeJS.Signals): Promise<void>
  down(): Promise<void>
}

const EXEC_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 10_000

/** A lab that is up already. */
export async function openLab(name: string): Promise<Lab> {
  return labOf(await contextOf(await requireState(name)))
}

export function labOf(opened: Context): Lab {
  const { paths } = opened
  const { lab } = opened.plan
  // Changes of pods, one after the other.
  let context = opened
  let lastChange = Promise.resolve()
  const change = (make: (context: Context) => Promise<Context>) => {
    const next = lastChange.then(async () => {
      context = await make(context)
    })
    lastChange = next.catch(() => undefined)
    return next
  }
  const down = async () => {
    await tearDown(lab)
    unguard(lab)
  }
  const spawn = (where: string, argv: readonly string[], options?: SpawnOptions) =>
    spawnIn(context, where, argv, options)
  const exec = (where: string, argv: readonly string[], { timeout = EXEC_TIMEOUT_MS, input, env }: ExecOptions = {}) =>
    collect(spawn(where, argv, env && { env }), { input, timeout })
  const dial = diallers(spawn)
  return {
    name: lab,
    get plan() {
      return context.plan
    },
    manifests: paths.manifests,
    folder: paths.folder,
    exec,
    spawn,
    dial: (where, ...options) => dial(where, options),
    address: (pod, family = 'IPv4') => findPod(context.plan, pod).addresses[family === 'IPv4' ? 'v4' : 'v6'],
    bpffs: node => nodeBpffs(context, findNode(context.plan, node).name),
    agentLog: node => paths.log(agentLabel(findNode(context.plan, node).name)),
    podFile: pod => join(paths.manifests, podFile(findPod(context.plan, pod).name)),
    addPod: pod => change(context => addPod(context, pod)),
    removePod: pod => change(context => removePod(context, pod)),
    startAgent: (node, options) => beginAgent(context, findNode(context.plan, node), options),
    stopAgent: (node, signal = 'SIGTERM') => endAgent(lab, findNode(context.plan, node).name, signal),
    down,
    [Symbol.asyncDispose]: down,
  }
}

function spawnIn(context: Context, where: string, argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const place = findPlace(context.plan, where)
  const env = { ...environment(context, place), ...options.env }
  return spawnConfined(confinement(context, place), argv, { ...options, env })
}

function findNode(plan: Plan, name: string): PlannedNode {
  const node = plan.nodes.find(node => node.name === name)
  if (node) return node
  throw new LabError(
    `lab "${plan.lab}" has no node "${name}" (it has ${plan.nodes.map(({ name }) => name).join(', ')})`,
  )
}

export async function beginAgent(context: Context, node: PlannedNode, options?: AgentStart): Promise<void> {
  const { lab } = context.plan
  const running = await agentOf(lab, node.name)
  if (running && isAlive(running)) throw new LabError(`the agent of ${node.name} runs already (process ${running.pid})`)
  await startAgent(context, node, id => record(lab, 'agent', node.name, id), options)
}

async function agentOf(lab: string, node: string): Promise<LabProcess | undefined> {
  const { processes } = await requireState(lab)
  return processes.find(({ role, of }) => role === 'agent' && of === node)
}

async function endAgent(lab: string, node: string, signal: NodeJS.Signals): Promise<void> {
  const agent = await agentOf(lab, node)
  if (!agent || !isAlive(agent))
    throw new LabError(`the agent of ${node} does not run (see its log, ${agentLabel(node)}.log)`)
  signalProcess(agent, signal)
  if (await waitForEnd(agent, STOP_TIMEOUT_MS)) return
  throw new LabError(
    `the agent of ${node} (process ${agent.pid}) did not end within ${STOP_TIMEOUT_MS / 1000} s after ${signal}`,
  )
}
