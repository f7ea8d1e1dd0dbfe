// SPDX-License-Identifier: Apache-2.0
/** `evenkeel run`: the agent in the foreground. */
import { writeFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { Command, Option } from 'commander'
import type { Logger } from 'pino'
import { startAgent } from '../agent.ts'
import { watchConfiguration } from '../config/watch.ts'
import { type Config, readConfiguration } from '../config.ts'
import { KernelError } from '../kernel/errno.ts'
import { MismatchError } from '../kernel/mismatch.ts'
import { createLogging, LOG_FORMATS, LOG_LEVELS, type LogFormat } from '../log.ts'
import { returnMemory } from '../memory.ts'
import { manifestsSource } from '../source/manifests/manifests.ts'
import { type Source, SourceError } from '../source/source.ts'
import { readingOf } from './config-option.ts'
import { addKubeProxyFlags, type FlagOptions, flagsOf } from './kube-proxy-flags.ts'
import { UserError } from './output.ts'

interface RunOptions extends FlagOptions {
  readonly config?: string
  readonly manifests?: string
  readonly readyFile?: string
  readonly output?: LogFormat
}

export function runCommand(): Command {
  const command = new Command('run')
    .description("Runs the agent in the foreground: compiles Services into this node's maps until it is told to end.")
    .option(
      '--config <file>',
      "configuration: kube-proxy's (KubeProxyConfiguration), ours (EvenkeelConfiguration), or both",
    )
    .option('--manifests <folder>', 'read Services from a folder of YAML files, and follow its changes')
    .option('--kubeconfig <file>', 'read Services from a Kubernetes API server (default in a pod: its service account)')
    .option('--ready-file <file>', 'write this file when everything has synced')
    .addOption(new Option('--log-level <level>', 'what is logged (default: info)').choices(LOG_LEVELS))
    .addOption(new Option('-o, --output <format>', 'of the log (default: text)').choices(LOG_FORMATS))
    .addHelpText(
      'after',
      `
The agent may end at any time (SIGTERM): maps and programs stay, traffic goes on, new connections included.
The next start takes them over. 'evenkeel cleanup' removes them.

When the configuration file changes, and what it says is valid and something else, the agent ends with exit code 1 for its
supervisor to start it again. Flags count more than the file. All of kube-proxy's are accepted; those without effect are told once.

Examples:
  evenkeel run --manifests /etc/evenkeel/manifests
  evenkeel run --config /etc/evenkeel/config.yaml --kubeconfig /etc/kubernetes/evenkeel.conf
  evenkeel run --config /var/lib/kube-proxy/config.conf --hostname-override node1`,
    )
    .action(run)
  return addKubeProxyFlags(command)
}

/** After the first sync: what it has put off is done by then. */
const SETTLED_MS = 1_000

async function run(options: RunOptions): Promise<void> {
  const read = () => readConfiguration({ file: options.config, flags: flagsOf(options) })
  const { config, warnings } = readingOf(read)
  const { nodeName: node, logLevel: level, logFormat } = config
  const { log, tally } = createLogging({ level, format: options.output ?? logFormat, node })
  for (const warning of warnings) log.warn(warning)
  const ended = Promise.withResolvers<void>()
  // It may be rejected before it is waited for.
  ended.promise.catch(() => undefined)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ended.resolve())
  const onChange = (fields: readonly string[]) => ended.reject(changed(options.config, fields))
  const watch = watchConfiguration({ file: options.config, config, read, onChange, log })
  try {
    const source = await sourceOf(options, config)
    const onReady = () => ready(log, options.readyFile)
    const agent = await startAgent({ config, source, log, tally, onReady, onFatal: ended.reject })
    await ended.promise.finally(agent.stop)
  } catch (error) {
    explain(error)
  } finally {
    watch.stop()
  }
}

function ready(log: Logger, file: string | undefined): void {
  log.info('ready')
  // Now, as it may end by a signal that lets nothing be written.
  flushCompileCache()
  setTimeout(returnMemory, SETTLED_MS).unref()
  try {
    if (file !== undefined) writeFileSync(file, `${process.pid}\n`)
  } catch (error) {
    throw new UserError(`--ready-file: ${(error as Error).message}: name a file that can be written`)
  }
}

function changed(file: string | undefined, fields: readonly string[]): UserError {
  return new UserError(`${file} has changed (${fields.join(', ')}): ended, to be started again with it`)
}

async function sourceOf({ manifests, kubeconfig: given }: RunOptions, config: Config): Promise<Source> {
  const { nodeName, serviceProxyName, apiServer } = config
  const kubeconfig = config.kubeconfig || undefined
  if (manifests !== undefined && given !== undefined)
    throw new UserError('give --manifests or --kubeconfig, not both', 2)
  if (manifests !== undefined)
    return manifestsSource({
      paths: [manifests],
      serviceCIDRs: config.serviceCIDRs,
      nodePortRange: config.nodePortRange,
      allocationFile: config.allocationFile,
      nodeName,
    })
  // Loaded only when it is needed.
  const { isInCluster } = await import('../source/kubernetes/kubeconfig.ts')
  if (kubeconfig === undefined && apiServer === '' && !isInCluster())
    throw new UserError('give --kubeconfig FILE, or --manifests FOLDER (this is no pod with a service account)', 2)
  const { kubernetesSource } = await import('../source/kubernetes/kubernetes.ts')
  return kubernetesSource({ kubeconfig, apiServer, nodeName, serviceProxyName })
}

function explain(error: unknown): never {
  if (error instanceof KernelError || error instanceof MismatchError || error instanceof SourceError)
    throw new UserError(error.message)
  throw error
}
