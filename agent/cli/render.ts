// SPDX-License-Identifier: Apache-2.0
/** `evenkeel render`: what manifests mean on a node, without a kernel. */
import { hostname } from 'node:os'
import { Command } from 'commander'
import type { CompileContext } from '../compile/context.ts'
import type { Node } from '../objects.ts'
import { type LoadedManifests, loadManifests } from '../source/manifests/load.ts'
import { type Problem, SourceError } from '../source/source.ts'
import { type Format, outputOption, printJson, printTable, UserError } from './output.ts'
import { type RenderedFrontend, renderServices } from './rendered.ts'

interface RenderOptions {
  readonly filename: readonly string[]
  readonly kubeconfig?: string
  readonly node?: string
  readonly output: Format
}

const append = (value: string, all: readonly string[]) => [...all, value]

export function renderCommand(): Command {
  return new Command('render')
    .description('Prints what a node would serve for these objects: each frontend with its backends. Touches nothing.')
    .option(
      '-f, --filename <path>',
      'a folder or file of manifests, "-" for standard input; may be repeated',
      append,
      [],
    )
    .option('--kubeconfig <file>', 'read from a Kubernetes API server instead')
    .option('--node <name>', 'the node to compile for (default: the only one there, or this machine)')
    .addOption(outputOption())
    .addHelpText(
      'after',
      `
Warnings go to standard error. The exit code is 1 when an object could not be read; the rest is printed all the same.

Examples:
  evenkeel render -f examples
  kubectl get services,endpointslices,nodes -A -o yaml | evenkeel render -f - --node node1 -o json
  evenkeel render --kubeconfig ~/.kube/config --node node1`,
    )
    .action(render)
}

async function render({ node, output, ...from }: RenderOptions): Promise<void> {
  const manifests = await load(from).catch(explain)
  const { context, warning } = contextOf(manifests.nodes, node)
  const { frontends, warnings } = renderServices(manifests.services, context)
  report([...manifests.problems.map(problemText), ...(warning ? [warning] : []), ...warnings])
  if (output === 'json') printJson(frontends)
  else printTable(['frontend', 'scope', 'service', 'port', 'policy', 'affinity', 'backends'], frontends.map(row))
  if (failed(manifests)) process.exitCode = 1
}

async function load({ filename, kubeconfig }: Omit<RenderOptions, 'node' | 'output'>): Promise<LoadedManifests> {
  if ((filename.length === 0) === (kubeconfig === undefined))
    throw new UserError('give -f with a folder or file of manifests, or --kubeconfig with a file', 2)
  if (kubeconfig === undefined) return loadManifests(filename)
  const { loadCluster } = await import('../source/kubernetes/load.ts')
  return loadCluster(kubeconfig)
}

function explain(error: unknown): never {
  if (error instanceof SourceError) throw new UserError(error.message)
  throw error
}

function failed({ problems }: LoadedManifests): boolean {
  return problems.some(({ severity }) => severity === 'error')
}

/** The node that was asked for, else the only one, else the one that this machine is. */
function contextOf(
  nodes: ReadonlyMap<string, Node>,
  asked: string | undefined,
): { readonly context: CompileContext; readonly warning?: string } {
  const only = nodes.size === 1 ? [...nodes.keys()][0] : undefined
  const nodeName = asked ?? only ?? hostname()
  const node = nodes.get(nodeName) ?? null
  const context = { nodeName, node, serviceProxyName: '' }
  if (node !== null) return { context }
  const known = nodes.size === 0 ? 'there is none' : `there are ${[...nodes.keys()].sort().join(', ')}`
  const effect = 'its zone is unknown, and only endpoints with this nodeName are local'
  const hint = asked === undefined ? '; choose one with --node' : ''
  return { context, warning: `warning: no Node is named "${nodeName}" (${known}): ${effect}${hint}` }
}

function problemText({ severity, where, message }: Problem): string {
  return `${severity}: ${where}: ${message}`
}

function report(lines: readonly string[]): void {
  if (lines.length > 0) process.stderr.write(`${lines.join('\n')}\n`)
}

const SHOWN = 3

function row({
  frontend,
  scope,
  service,
  port,
  policy,
  affinitySeconds,
  backends,
  onEmpty,
}: RenderedFrontend): string[] {
  const more = backends.length > SHOWN ? ` +${backends.length - SHOWN}` : ''
  const shown = backends.length === 0 ? `(${onEmpty})` : backends.slice(0, SHOWN).join(' ') + more
  return [frontend, scope, service, port, policy, affinitySeconds > 0 ? `${affinitySeconds}s` : '', shown]
}
