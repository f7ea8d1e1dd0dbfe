// SPDX-License-Identifier: Apache-2.0
/** The agents: one a node, in the node's namespace and cgroup, all reading the lab's folder of manifests or one API server. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { type Context, confinement, environment, nodeBpffs } from './context.ts'
import { startDaemon } from './daemon.ts'
import { LabError, messageOf } from './error.ts'
import { API_VERSION, PROJECT_FOLDER } from './names.ts'
import { nodePlace, type PlannedNode, POD_DEVICES } from './plan.ts'
import type { ProcessId } from './process.ts'

export function agentLabel(node: string): string {
  return `agent-${node}`
}

export interface AgentStart {
  /** Default true. */
  readonly untilReady?: boolean
  /** The folder of another version of the project, whose agent it is. */
  readonly project?: string
  /** Put over the lab's configuration, this time. */
  readonly config?: object
}

export async function startAgent(
  context: Context,
  node: PlannedNode,
  record: (id: ProcessId) => Promise<void>,
  { untilReady = true, project = PROJECT_FOLDER, config = {} }: AgentStart = {},
): Promise<void> {
  const { paths, kubeconfig } = context
  const label = agentLabel(node.name)
  const configFile = paths.config(node.name)
  await writeFile(configFile, stringify({ ...context.config, ...config, ...ownConfiguration(context, node) }))
  const source = kubeconfig === undefined ? ['--manifests', paths.manifests] : ['--kubeconfig', kubeconfig]
  const files = ['--config', configFile, ...source, '--ready-file', paths.ready(label), '-o', 'json']
  const place = nodePlace(node)
  await startDaemon({
    what: `the agent of ${node.name}`,
    where: confinement(context, place),
    argv: [join(project, 'evenkeel'), 'run', ...files],
    env: environment(context, place),
    logFile: paths.log(label),
    readyFile: paths.ready(label),
    untilReady,
    record,
  })
}

/** What only the lab can know. */
function ownConfiguration(context: Context, { name }: PlannedNode): object {
  return {
    apiVersion: API_VERSION,
    kind: 'EvenkeelConfiguration',
    nodeName: name,
    bpffs: nodeBpffs(context, name),
    cgroup: join(context.cgroups, name),
    podDevices: POD_DEVICES,
    allocationFile: context.paths.allocations,
  }
}

/** What a user gives as the base of the agents' configuration. */
export async function readConfiguration(path: string): Promise<object> {
  const document: unknown = await readFile(path, 'utf8')
    .then(text => parse(text))
    .catch(error => {
      throw new LabError(`${path}: can't be read as a configuration: ${messageOf(error)}`)
    })
  if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document
  throw new LabError(`${path}: is no configuration: expected a YAML mapping`)
}
