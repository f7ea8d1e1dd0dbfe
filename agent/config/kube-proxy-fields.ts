// SPDX-License-Identifier: Apache-2.0
/** What each field of KubeProxyConfiguration becomes here: fields of ours, or a sentence that says why it has no effect. */
import { hostPort, isUnspecified, parseAddress } from '../address.ts'
import { levelOfVerbosity } from '../log.ts'
import { parseDuration } from './duration.ts'
import type { KubeProxyFields } from './kube-proxy-schema.ts'
import { type ConfigFields, MAX_SECONDS } from './schema.ts'

export interface Outcome {
  readonly own?: ConfigFields
  /** Why it has no effect, and what there is instead. */
  readonly ignored?: string
}

/** Called for fields that are set: to something other than null, 0, false or nothing, which Go takes for unset. */
export type Treatment = (fields: KubeProxyFields) => Outcome

/** Ports of kube-proxy, for addresses without one. */
const HEALTHZ_PORT = 10_256
const METRICS_PORT = 10_249

const ignored = (why: string): Treatment => {
  return () => ({ ignored: why })
}

const WINDOWS = ignored('it is for Windows')
const NO_MARKS = ignored('packets are not marked: what is masqueraded is decided where it is done')
const AT_ONCE = ignored('each change is written at once: it costs a few map operations, not a whole sync')
const IPVS_TIMEOUT = ignored('IPVS is not used: timeouts of EvenkeelConfiguration say how long flows are remembered')
const CONNTRACK_SIZE = ignored(
  "the kernel's conntrack is not used: sizes.flows of EvenkeelConfiguration is the room for flows",
)
const REQUESTS = ignored('the agent makes a list and a watch of three kinds of object, too few requests for a limit')
const MEDIA_TYPE = ignored('the agent chooses the encoding that the API server offers')
const LOG_OUTPUT = ignored('lines are written to standard output at once')

export const KUBE_PROXY_FIELDS: Readonly<Record<string, Treatment>> = {
  featureGates: ignored(
    'the gates are those of kube-proxy; what is experimental here has a field in EvenkeelConfiguration',
  ),
  'clientConnection.kubeconfig': ({ clientConnection }) => ({ own: { kubeconfig: clientConnection?.kubeconfig } }),
  'clientConnection.acceptContentTypes': MEDIA_TYPE,
  'clientConnection.contentType': MEDIA_TYPE,
  'clientConnection.qps': REQUESTS,
  'clientConnection.burst': REQUESTS,
  'logging.format': ({ logging }) => ({ own: { logFormat: logging?.format === 'json' ? 'json' : 'text' } }),
  'logging.flushFrequency': LOG_OUTPUT,
  'logging.verbosity': ({ logging }) => ({ own: { logLevel: levelOfVerbosity(logging?.verbosity ?? 0) } }),
  'logging.vmodule': ignored('it names source files of kube-proxy; logging.verbosity counts'),
  'logging.options.text.splitStream': LOG_OUTPUT,
  'logging.options.text.infoBufferSize': LOG_OUTPUT,
  'logging.options.json.splitStream': LOG_OUTPUT,
  'logging.options.json.infoBufferSize': LOG_OUTPUT,
  hostnameOverride: ({ hostnameOverride = '' }) => ({ own: { nodeName: hostnameOverride.trim().toLowerCase() } }),
  bindAddress,
  healthzBindAddress: ({ healthzBindAddress = '' }) => ({
    own: { healthzBindAddress: withPort(healthzBindAddress, HEALTHZ_PORT) },
  }),
  metricsBindAddress: ({ metricsBindAddress = '' }) => ({
    own: { metricsBindAddress: withPort(metricsBindAddress, METRICS_PORT) },
  }),
  bindAddressHardFail: ignored(
    'a port that is taken is tried again until it is free, and the log says so: Services work meanwhile',
  ),
  enableProfiling: ignored('there is no /debug/pprof: it shows Go programs'),
  showHiddenMetricsForVersion: ignored('no metrics are hidden'),
  mode: fields =>
    fields.mode === 'nftables' && (fields.nodePortAddresses ?? []).length === 0
      ? { own: { nodePortAddresses: ['primary'] } }
      : { ignored: 'Services are always in eBPF' },
  'iptables.masqueradeBit': NO_MARKS,
  'iptables.masqueradeAll': fields => masqueradeAll(fields, fields.mode !== 'nftables'),
  'iptables.localhostNodePorts': ({ iptables }) =>
    iptables?.localhostNodePorts
      ? {}
      : {
          ignored:
            'loopback addresses serve nodePorts to the node itself; nodePortAddresses: [primary] leaves them out',
        },
  'iptables.snatNodeInternalIP': ignored(
    'what goes to another node has the address that this node has on the way there',
  ),
  'iptables.syncPeriod': fields => syncPeriod(fields, 'iptables'),
  'iptables.minSyncPeriod': AT_ONCE,
  'ipvs.syncPeriod': fields => syncPeriod(fields, 'ipvs'),
  'ipvs.minSyncPeriod': AT_ONCE,
  'ipvs.scheduler': ignored('backends are chosen by Maglev hashing: each gets its share, the same on every node'),
  'ipvs.excludeCIDRs': ignored('the agent neither writes nor removes IPVS services'),
  'ipvs.strictARP': ignored('addresses of Services are on no device, so nobody answers ARP for them'),
  'ipvs.tcpTimeout': IPVS_TIMEOUT,
  'ipvs.tcpFinTimeout': IPVS_TIMEOUT,
  'ipvs.udpTimeout': IPVS_TIMEOUT,
  'nftables.masqueradeBit': NO_MARKS,
  'nftables.masqueradeAll': fields => masqueradeAll(fields, fields.mode === 'nftables'),
  'nftables.syncPeriod': fields => syncPeriod(fields, 'nftables'),
  'nftables.minSyncPeriod': AT_ONCE,
  'winkernel.networkName': WINDOWS,
  'winkernel.sourceVip': WINDOWS,
  'winkernel.enableDSR': ignored('it is for Windows; dsr of EvenkeelConfiguration does that here'),
  'winkernel.rootHnsEndpointName': WINDOWS,
  'winkernel.forwardHealthCheckVip': WINDOWS,
  detectLocalMode: fields => detectLocalMode(fields),
  'detectLocal.bridgeInterface': ({ detectLocal }) => ({
    own: { detectLocal: { bridgeInterface: detectLocal?.bridgeInterface } },
  }),
  'detectLocal.interfaceNamePrefix': ({ detectLocal }) => ({
    own: { detectLocal: { interfaceNamePrefix: detectLocal?.interfaceNamePrefix } },
  }),
  clusterCIDR: ({ clusterCIDR = '', detectLocalMode = '' }) => ({
    // kube-proxy's default mode
    own: { clusterCIDR: clusterCIDR.split(','), ...(detectLocalMode === '' && { detectLocalMode: 'ClusterCIDR' }) },
  }),
  nodePortAddresses: ({ nodePortAddresses }) => ({ own: { nodePortAddresses } }),
  oomScoreAdj: ignored(
    'the priority class system-node-critical sets it for a pod, OOMScoreAdjust= of systemd for a service',
  ),
  'conntrack.maxPerCore': CONNTRACK_SIZE,
  'conntrack.min': CONNTRACK_SIZE,
  'conntrack.tcpEstablishedTimeout': ({ conntrack }) => ({
    own: { timeouts: { established: wholeSeconds(milliseconds(conntrack?.tcpEstablishedTimeout)) } },
  }),
  'conntrack.tcpCloseWaitTimeout': ({ conntrack }) => ({
    own: { timeouts: { halfClosed: wholeSeconds(milliseconds(conntrack?.tcpCloseWaitTimeout)) } },
  }),
  'conntrack.tcpBeLiberal': ignored('sequence numbers are not checked: no packet is invalid for being out of window'),
  'conntrack.udpTimeout': ignored('UDP has one time-out, answered or not: conntrack.udpStreamTimeout'),
  'conntrack.udpStreamTimeout': ({ conntrack }) => ({
    own: { timeouts: { datagram: wholeSeconds(milliseconds(conntrack?.udpStreamTimeout)) } },
  }),
  'conntrack.max': CONNTRACK_SIZE,
  configSyncPeriod: ignored('objects are watched, and listed anew only when a watch fails'),
  portRange: ignored('kube-proxy does not use it either'),
  windowsRunAsService: WINDOWS,
  udpIdleTimeout: ignored('it was for the mode userspace, which kube-proxy has no more'),
  resourceContainer: ignored('kube-proxy does not use it either'),
}

/** Its family is that of a loopback address that is not given; of wildcards, either means both families here. */
function bindAddress({ bindAddress: text = '', metricsBindAddress = '' }: KubeProxyFields): Outcome {
  const address = parseAddress(text)
  if (address === undefined) return {}
  const loopback = address.family === 'IPv6' && metricsBindAddress === '' ? `[::1]:${METRICS_PORT}` : undefined
  return { own: { nodeIP: isUnspecified(address) ? undefined : address.text, metricsBindAddress: loopback } }
}

function withPort(text: string, port: number): string {
  const address = parseAddress(text)
  return address === undefined ? text : hostPort(address.text, port)
}

function masqueradeAll({ mode }: KubeProxyFields, counts: boolean): Outcome {
  if (counts) return { own: { masqueradeAll: true } }
  return { ignored: `kube-proxy does not look at it in mode ${mode || 'iptables'} either` }
}

/** kube-proxy is unhealthy when a change waits for twice this. */
function syncPeriod(fields: KubeProxyFields, mode: 'iptables' | 'ipvs' | 'nftables'): Outcome {
  if ((fields.mode || 'iptables') !== mode)
    return { ignored: `kube-proxy does not look at it in mode ${fields.mode || 'iptables'} either` }
  return { own: { healthTimeoutSeconds: wholeSeconds(2 * milliseconds(fields[mode]?.syncPeriod)) } }
}

function detectLocalMode({ detectLocalMode: mode = '', clusterCIDR = '' }: KubeProxyFields): Outcome {
  if (mode === '') return {}
  if (mode === 'ClusterCIDR' && clusterCIDR === '')
    return { ignored: 'there is no clusterCIDR: nobody is masqueraded for where he is from, as with kube-proxy' }
  return { own: { detectLocalMode: mode } }
}

function milliseconds(duration = '0'): number {
  return parseDuration(duration) ?? 0
}

/** What is out of our bounds is brought to them: it was valid. */
function wholeSeconds(ms: number): number {
  return Math.min(MAX_SECONDS, Math.max(1, Math.floor(ms / 1_000)))
}
