// SPDX-License-Identifier: Apache-2.0
/** kube-proxy's flags as options of a command. */
import { type Command, Option } from 'commander'
import { FLAGS, type Flag, type FlagValues, flagValues, readSwitch } from '../config/flags.ts'
import type { Config, ConfigFields } from '../config/schema.ts'
import { UserError } from './output.ts'

/** By the names that commander gives options: in camel case. true: a switch without a value. */
export interface FlagOptions {
  readonly [name: string]: string | true | undefined
  readonly kubeconfig?: string
  readonly master?: string
  readonly logLevel?: Config['logLevel']
  readonly healthzBindAddress?: string
  readonly healthzPort?: string
  readonly metricsBindAddress?: string
  readonly metricsPort?: string
}

const GROUP = "kube-proxy's flags:"

/** Of those with an effect, what is said in the help. */
const HELP: Readonly<Record<string, string>> = {
  'hostname-override': 'name of the own Node (nodeName)',
  'bind-address': 'primary address of the node (nodeIP)',
  'nodeport-addresses': 'CIDRs, primary, localhost, all (nodePortAddresses)',
  'cluster-cidr': 'where pods have their addresses (clusterCIDR)',
  'detect-local-mode': 'what tells pods from other clients (detectLocalMode)',
  'pod-bridge-interface': 'with BridgeInterface (detectLocal)',
  'pod-interface-name-prefix': 'with InterfaceNamePrefix (detectLocal)',
  'healthz-bind-address': 'empty: not at all (healthzBindAddress)',
  'metrics-bind-address': 'empty: not at all (metricsBindAddress)',
  v: '4 and more: debug (logLevel)',
}

/** What kube-proxy does in the place of running. */
const REFUSED: Readonly<Record<string, string>> = {
  cleanup: "--cleanup: 'evenkeel cleanup' removes what evenkeel has put into the kernel",
  'init-only': '--init-only: the agent needs its rights for as long as it runs',
  'write-config-to': "--write-config-to: 'evenkeel config check FILE -o json' prints the whole configuration",
}

export function addKubeProxyFlags(command: Command): Command {
  const options = [
    new Option('--masquerade-all [bool]', "clients get this node's address (masqueradeAll)"),
    new Option('--master <url>', "the API server's URL, in the place of that in the kubeconfig (apiServer)"),
    ...FLAGS.map(flag => option(flag)),
    new Option('--healthz-port <port>').hideHelp(),
    new Option('--metrics-port <port>').hideHelp(),
    ...Object.keys(REFUSED).map(name => new Option(`--${name} [value]`).hideHelp()),
  ]
  for (const one of options) command.addOption(one.helpGroup(GROUP))
  return command
}

function option({ name, kind }: Flag): Option {
  const short = name === 'v' ? '-v, ' : ''
  const argument = kind === 'switch' ? '[bool]' : '<value>'
  const made = new Option(`${short}--${name} ${argument}`, HELP[name]).hideHelp(HELP[name] === undefined)
  // "-v=4" as of Go
  if (name === 'v') made.argParser(text => text.replace(/^=/, ''))
  if (kind === 'list') made.argParser((text, before?: string) => (before === undefined ? text : `${before},${text}`))
  return made
}

/** Throws UserError for flags that ask for something else than to run. */
export function flagsOf(options: FlagOptions): FlagValues {
  const given = Object.fromEntries(
    [...FLAGS.map(({ name }) => name), ...Object.keys(REFUSED)].flatMap(name => {
      const text = options[camelCase(name)]
      return text === undefined ? [] : [[name, String(text)]]
    }),
  )
  for (const [name, why] of Object.entries(REFUSED))
    if (given[name] !== undefined && readSwitch(given[name]) !== false) throw new UserError(why, 2)
  return flagValues(given, ownOf(options))
}

/** Those that stand for fields of ours. */
function ownOf(options: FlagOptions): ConfigFields {
  const { kubeconfig, master, logLevel, masqueradeAll } = options
  return {
    kubeconfig,
    apiServer: master,
    logLevel,
    // What is neither is for the schema to refuse.
    masqueradeAll: masqueradeAll === undefined ? undefined : (readSwitch(String(masqueradeAll)) as boolean),
    healthzBindAddress: bindAddress(options.healthzBindAddress, options.healthzPort, '0.0.0.0'),
    metricsBindAddress: bindAddress(options.metricsBindAddress, options.metricsPort, '127.0.0.1'),
  }
}

/** Empty, which in a file is the default, and a port of 0 turn it off. The port flag counts without an address flag. */
function bindAddress(address: string | undefined, port: string | undefined, host: string): string | undefined {
  if (address === '' || port === '0') return ''
  return address === undefined && port !== undefined ? `${host}:${port}` : undefined
}

function camelCase(name: string): string {
  return name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}
