// SPDX-License-Identifier: Apache-2.0
/** kube-proxy's command line (cmd/kube-proxy/app/options.go): each flag as the field that it stands for. */
import { merge } from './merge.ts'
import { objectWith } from './paths.ts'
import type { ConfigFields } from './schema.ts'

export type FlagKind = 'text' | 'list' | 'switch' | 'number' | 'gates' | 'levels'

export interface Flag {
  readonly name: string
  readonly kind: FlagKind
  /** Of KubeProxyConfiguration. */
  readonly field: string
}

export interface FlagValues {
  /** Fields of KubeProxyConfiguration. */
  readonly kubeProxy: object
  /** Fields of ours. */
  readonly own: ConfigFields
}

export const NO_FLAGS: FlagValues = { kubeProxy: {}, own: {} }

const texts: Readonly<Record<string, string>> = {
  'hostname-override': 'hostnameOverride',
  'cluster-cidr': 'clusterCIDR',
  'detect-local-mode': 'detectLocalMode',
  'pod-bridge-interface': 'detectLocal.bridgeInterface',
  'pod-interface-name-prefix': 'detectLocal.interfaceNamePrefix',
  'bind-address': 'bindAddress',
  'healthz-bind-address': 'healthzBindAddress',
  'metrics-bind-address': 'metricsBindAddress',
  'proxy-mode': 'mode',
  'logging-format': 'logging.format',
  'log-flush-frequency': 'logging.flushFrequency',
  'kube-api-content-type': 'clientConnection.contentType',
  'show-hidden-metrics-for-version': 'showHiddenMetricsForVersion',
  'config-sync-period': 'configSyncPeriod',
  'iptables-sync-period': 'iptables.syncPeriod',
  'iptables-min-sync-period': 'iptables.minSyncPeriod',
  'ipvs-sync-period': 'ipvs.syncPeriod',
  'ipvs-min-sync-period': 'ipvs.minSyncPeriod',
  'ipvs-scheduler': 'ipvs.scheduler',
  'ipvs-tcp-timeout': 'ipvs.tcpTimeout',
  'ipvs-tcpfin-timeout': 'ipvs.tcpFinTimeout',
  'ipvs-udp-timeout': 'ipvs.udpTimeout',
  'conntrack-tcp-timeout-established': 'conntrack.tcpEstablishedTimeout',
  'conntrack-tcp-timeout-close-wait': 'conntrack.tcpCloseWaitTimeout',
  'conntrack-udp-timeout': 'conntrack.udpTimeout',
  'conntrack-udp-timeout-stream': 'conntrack.udpStreamTimeout',
}
const lists: Readonly<Record<string, string>> = {
  'nodeport-addresses': 'nodePortAddresses',
  'ipvs-exclude-cidrs': 'ipvs.excludeCIDRs',
}
const switches: Readonly<Record<string, string>> = {
  'bind-address-hard-fail': 'bindAddressHardFail',
  profiling: 'enableProfiling',
  'iptables-localhost-nodeports': 'iptables.localhostNodePorts',
  'ipvs-strict-arp': 'ipvs.strictARP',
  'conntrack-tcp-be-liberal': 'conntrack.tcpBeLiberal',
  'log-text-split-stream': 'logging.options.text.splitStream',
  'log-json-split-stream': 'logging.options.json.splitStream',
}
const numbers: Readonly<Record<string, string>> = {
  v: 'logging.verbosity',
  'kube-api-qps': 'clientConnection.qps',
  'kube-api-burst': 'clientConnection.burst',
  'iptables-masquerade-bit': 'iptables.masqueradeBit',
  'oom-score-adj': 'oomScoreAdj',
  'conntrack-max-per-core': 'conntrack.maxPerCore',
  'conntrack-min': 'conntrack.min',
}

export const FLAGS: readonly Flag[] = [
  ...flagsOf('text', texts),
  ...flagsOf('list', lists),
  ...flagsOf('switch', switches),
  ...flagsOf('number', numbers),
  { name: 'feature-gates', kind: 'gates', field: 'featureGates' },
  { name: 'vmodule', kind: 'levels', field: 'logging.vmodule' },
]

function flagsOf(kind: FlagKind, fields: Readonly<Record<string, string>>): Flag[] {
  return Object.entries(fields).map(([name, field]) => ({ name, kind, field }))
}

/** Texts by the names of flags. What can't be read stays a text, which the schema refuses. */
export function flagValues(given: Readonly<Record<string, string>>, own: ConfigFields): FlagValues {
  const fields = FLAGS.flatMap(({ name, kind, field }) => {
    const text = given[name]
    return text === undefined ? [] : objectWith(field, READ[kind](text))
  })
  return { kubeProxy: merge(...fields), own }
}

const READ: Readonly<Record<FlagKind, (text: string) => unknown>> = {
  text: text => text,
  list: text => text.split(','),
  switch: readSwitch,
  number: text => (/^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : text),
  gates: text => Object.fromEntries(pairs(text).map(([name, value]) => [name, readSwitch(value)])),
  levels: text => pairs(text).map(([filePattern, level]) => ({ filePattern, verbosity: Number(level) })),
}

/** As strconv.ParseBool of Go. */
export function readSwitch(text: string): boolean | string {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true
  return /^(0|f|F|FALSE|false|False)$/.test(text) ? false : text
}

/** "a=1,b=2" */
function pairs(text: string): [string, string][] {
  return text.split(',').map(pair => {
    const at = pair.indexOf('=')
    return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
  })
}

/** "--cluster-cidr", of a field as complaints have it: "nodePortAddresses[0]". */
export function flagOf(field: string): string {
  const found = FLAGS.find(
    flag => field === flag.field || field.startsWith(`${flag.field}[`) || field.startsWith(`${flag.field}.`),
  )
  return found === undefined ? field : `--${found.name}`
}
