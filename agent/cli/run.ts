// SPDX-License-Identifier: Apache-2.0
/** `evenkeel run`: the agent in the foreground. */
import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { pino } from 'pino'
import { startAgent } from '../agent.ts'
import type { Config } from '../config.ts'
import { KernelError } from '../kernel/errno.ts'
import { MismatchError } from '../kernel/mismatch.ts'
import { manifestsSource } from '../source/manifests/manifests.ts'
import { type Source, SourceError } from '../source/source.ts'
import { configOf } from './config-option.ts'
import { UserError } from './output.ts'

interface RunOptions {
  readonly config?: string
  readonly manifests?: string
  readonly kubeconfig?: string
  readonly readyFile?: string
  readonly logLevel: string
}

export function runCommand(): Command {
  return new Command('run')
    .description("Runs the agent in the foreground: compiles Services into this node's maps until it is told to end.")
    .option('--config <file>', 'configuration (apiVersion evenkeel.io/v1alpha1, kind EvenkeelConfiguration)')
    .option('--manifests <folder>', 'read Services from a folder of YAML files, and follow its changes')
    .option('--kubeconfig <file>', 'read Services from a Kubernetes API server (default in a pod: its service account)')
    .option('--ready-file <file>', 'write this file when everything has synced')
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .addHelpText(
      'after',
      `
The agent may end at any time (SIGTERM): maps and programs stay, traffic goes on, new connections included.
The next start takes them over. 'evenkeel cleanup' removes them.

Examples:
  evenkeel run --manifests /etc/evenkeel/manifests
  evenkeel run --config /etc/evenkeel/config.yaml --kubeconfig /etc/kubernetes/evenkeel.conf`,
    )
    .action(run)
}

async function run(options: RunOptions): Promise<void> {
  const config = configOf(options.config)
  const log = pino({ level: options.logLevel, base: { node: config.nodeName } })
  const ended = Promise.withResolvers<void>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ended.resolve())
  const source = await sourceOf(options, config).catch(explain)
  const agent = await startAgent({
    config,
    source,
    log,
    onReady: () => {
      log.info('ready')
      if (options.readyFile) writeFileSync(options.readyFile, `${process.pid}\n`)
    },
    onFatal: ended.reject,
  }).catch(explain)
  await ended.promise.catch(explain).finally(() => agent.stop())
}

async function sourceOf({ manifests, kubeconfig }: RunOptions, config: Config): Promise<Source> {
  const { nodeName, serviceProxyName } = config
  if (manifests !== undefined && kubeconfig !== undefined)
    throw new UserError('give --manifests or --kubeconfig, not both', 2)
  if (manifests !== undefined)
    return manifestsSource({
      paths: [manifests],
      serviceCIDRs: config.serviceCIDRs,
      nodePortRange: config.nodePortRange,
      allocationFile: config.allocationFile,
      nodeName,
    })
  // Loaded only when it is needed: the client takes half a second and 80 MB.
  const { isInCluster } = await import('../source/kubernetes/kubeconfig.ts')
  if (kubeconfig === undefined && !isInCluster())
    throw new UserError('give --kubeconfig FILE, or --manifests FOLDER (this is no pod with a service account)', 2)
  const { kubernetesSource } = await import('../source/kubernetes/kubernetes.ts')
  return kubernetesSource({ kubeconfig, nodeName, serviceProxyName })
}

function explain(error: unknown): never {
  if (error instanceof KernelError || error instanceof MismatchError || error instanceof SourceError)
    throw new UserError(error.message)
  throw error
}
