// SPDX-License-Identifier: Apache-2.0
/** The fields of EvenkeelConfiguration: what each may be, its default, and what it does. */
import { z } from 'zod'
import { parseAddress } from '../address.ts'
import { LOG_FORMATS, LOG_LEVELS } from '../log.ts'
import { type BindAddress, parseBindAddress } from '../serve/bind-address.ts'
import { canonicalCIDR, familyOf } from '../source/manifests/address.ts'
import { parsePortRange } from '../source/manifests/ranges.ts'

export const API_VERSION = 'evenkeel.io/v1alpha1'
export const KIND = 'EvenkeelConfiguration'
/** Words that stand for CIDRs in nodePortAddresses, as in kube-proxy 1.36. */
const NODE_PORT_KEYWORDS = ['primary', 'localhost', 'all'] as const

const count = (what: string, preset: number, max = 16_777_216) =>
  z.number().int().min(1).max(max).default(preset).describe(what)
/** Thirty days. */
export const MAX_SECONDS = 2_592_000
const seconds = (what: string, preset: number) =>
  z.number().int().min(1).max(MAX_SECONDS).default(preset).describe(what)

/** What the programs' settings have room for. */
const MAX_U32 = 4_294_967_295
/** A rate limit; 0 for none. */
const rate = (what: string, preset: number) =>
  z.number().int().min(0).max(MAX_U32).default(preset).describe(`${what}; 0: no limit`)
const cidr = z
  .string()
  .refine(text => canonicalCIDR(text) !== undefined, { error: 'expected a CIDR, like 10.244.0.0/16 or fd00:10::/56' })

const bindAddress = (what: string, preset: string) =>
  z
    .string()
    .refine(text => text === '' || parseBindAddress(text) !== undefined, {
      error: `expected an address and a port, like ${preset} or [::1]:${preset.split(':')[1]}, or "" for none`,
    })
    .default(preset)
    .describe(`${what}; either wildcard means both families; empty: not at all`)

const nodePortAddress = z
  .string()
  .refine(text => NODE_PORT_KEYWORDS.some(word => word === text) || canonicalCIDR(text) !== undefined, {
    error: 'expected a CIDR, like 10.0.0.0/8 or fd00::/8, or one of primary, localhost, all',
  })

const detectLocal = z
  .strictObject({
    bridgeInterface: z.string().default('').describe('with BridgeInterface: the bridge that pods are at'),
    interfaceNamePrefix: z
      .string()
      .default('')
      .describe('with InterfaceNamePrefix: what names of the host sides of pods begin with'),
  })
  .prefault({})

const sizes = z
  .strictObject({
    frontends: count('addresses and ports that clients dial', 262_144),
    backends: count('endpoint addresses, counted once a Service port', 262_144),
    tables: count('blocks of 64 bytes for selection tables; ten backends take 17', 524_288),
    services: count('Service ports', 65_536),
    flows: count('entries of tracked flows, two a flow', 262_144),
    opening: count('new flows whose client has not gone on after an answer; others have the rest of `flows`', 65_536),
    affinity: count('clients that are kept to a backend', 65_536),
    fragments: count('fragmented datagrams on their way', 8_192),
    sockOrig: count('sockets that the socket path has given a backend', 131_072),
    sockChoices: count('unconnected UDP sockets, once for each Service that they send to', 65_536),
  })
  .prefault({})

const timeouts = z
  .strictObject({
    opening: seconds('TCP without a reply yet', 60),
    established: seconds('TCP', 86_400),
    halfClosed: seconds('TCP after a FIN in one direction', 3_600),
    closing: seconds('TCP after a FIN in both directions or a RST', 10),
    datagram: seconds('UDP', 120),
  })
  .prefault({})

/** DNS subdomain (RFC 1123 2.1), as the API server takes. */
const NODE_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/

export const fields = z.strictObject({
  apiVersion: z.literal(API_VERSION).default(API_VERSION),
  kind: z.literal(KIND).default(KIND),
  nodeName: z
    .string()
    .refine(text => text === '' || NODE_NAME.test(text), {
      error: 'expected the name of a Node: lower-case letters, digits, "-" and "."',
    })
    .default('')
    .describe("name of the own Node object; empty: the host's name in lower case"),
  nodeIP: z
    .string()
    .refine(text => text === '' || parseAddress(text) !== undefined, { error: 'expected an address, or "" for none' })
    .default('')
    .describe(
      "this node's primary address; empty: of the Node's status, the first InternalIP, else the first ExternalIP",
    ),
  kubeconfig: z
    .string()
    .default('')
    .describe(
      'how to reach the API server when neither --kubeconfig nor --manifests is given; empty: as the own pod does',
    ),
  apiServer: z
    .string()
    .refine(text => text === '' || (/^https?:/.test(text) && URL.canParse(text)), {
      error: 'expected a URL, like https://10.0.0.1:6443, or "" for that of the kubeconfig',
    })
    .default('')
    .describe("the API server's URL, in the place of that in the kubeconfig"),
  logLevel: z.enum(LOG_LEVELS).default('info').describe('what is logged'),
  logFormat: z.enum(LOG_FORMATS).default('text').describe('lines of text, or a JSON object each'),
  bpffs: z.string().startsWith('/').default('/sys/fs/bpf').describe('folder on a bpffs that holds evenkeel/'),
  podPath: z
    .enum(['socket', 'packet', 'both'])
    .default('socket')
    .describe('where pods are served: when they dial, packet by packet at their devices, or both'),
  cgroup: z.string().default('').describe('cgroup2 folder whose processes the socket path serves; empty: all'),
  packetDevices: z
    .array(z.string().min(1))
    .default(['tap*', 'vnet*', 'macvtap*'])
    .describe('with podPath socket: devices of guests that have no socket on this node, served packet by packet'),
  destroyTcp: z
    .boolean()
    .default(false)
    .describe('destroy TCP connections, too, whose backend is gone; kube-proxy leaves them'),
  podDevices: z
    .array(z.string().min(1))
    .default(['veth*', 'cali*', 'lxc*', 'tap*', 'eni*', 'azv*', 'gke*', 'vnet*'])
    .describe('with podPath packet or both: names of the host sides of pods, with * for any characters'),
  uplinks: z
    .boolean()
    .default(true)
    .describe('serve clients outside at the devices that lead to other nodes: nodePorts, load balancers, externalIPs'),
  uplinkDevices: z
    .array(z.string().min(1))
    .default([])
    .describe('uplinks besides those that routes over a gateway lead through, with * for any characters'),
  xdp: z
    .enum(['auto', 'off', 'native', 'generic'])
    .default('auto')
    .describe(
      'serve uplinks before the stack: auto: native where the device can and its packets carry whole checksums, else off',
    ),
  masqueradeAll: z
    .boolean()
    .default(false)
    .describe("packet path and uplinks: backends see this node's address in the place of any client's"),
  detectLocalMode: z
    .enum(['none', 'ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'])
    .default('none')
    .describe(
      'packet path and uplinks: what tells a pod from other clients of a clusterIP, who are masqueraded; none: nobody is',
    ),
  clusterCIDR: z
    .array(cidr)
    .refine(oneOfEachFamily, { error: 'expected one CIDR, or one of IPv4 and one of IPv6' })
    .default([])
    .describe('with detectLocalMode ClusterCIDR: where pods have their addresses'),
  detectLocal,
  dsr: z
    .boolean()
    .default(false)
    .describe(
      'backends elsewhere answer outside clients directly; a Service may differ: evenkeel.io/forwarding: dsr or snat',
    ),
  icmpPerSecond: rate('ICMP answers a second and CPU', 1_000),
  serviceProxyName: z
    .string()
    .default('')
    .describe('serve Services with this service.kubernetes.io/service-proxy-name'),
  externalIPs: z
    .boolean()
    .default(true)
    .describe(
      'serve externalIPs of Services; whoever may write a Service can take any address with them (CVE-2020-8554)',
    ),
  nodePortAddresses: z
    .array(nodePortAddress)
    .default([])
    .describe(
      "addresses of the node that serve nodePorts: CIDRs, primary (of the Node's status), localhost, all; a family without an entry is not limited; empty: all",
    ),
  serviceCIDRs: z
    .array(cidr)
    .refine(cidrs => cidrs.length > 0 && oneOfEachFamily(cidrs), {
      error: 'expected one CIDR, or one of IPv4 and one of IPv6',
    })
    .default(['10.96.0.0/16', 'fd00:96::/112'])
    .describe('where clusterIPs come from'),
  nodePortRange: z
    .string()
    .refine(text => parsePortRange(text) !== undefined, { error: 'expected a range of ports, like 30000-32767' })
    .default('30000-32767')
    .describe('nodePorts come from here; kept from being the own ports of connections'),
  allocationFile: z
    .string()
    .default('/var/lib/evenkeel/allocations.json')
    .describe('clusterIPs and nodePorts given out'),
  healthzBindAddress: bindAddress('where /healthz and /livez are served', '0.0.0.0:10256'),
  metricsBindAddress: bindAddress('where /metrics is served', '127.0.0.1:10249'),
  metricsServices: z
    .number()
    .int()
    .min(0)
    .max(65_536)
    .default(1_000)
    .describe('Service ports with metrics of their own, the busiest; the rest share one'),
  healthTimeoutSeconds: seconds('a change that waits for longer makes this node unhealthy', 60),
  eventSample: z
    .number()
    .int()
    .min(0)
    .max(MAX_U32)
    .default(0)
    .describe('one in so many new flows makes an event; 0: none'),
  sweepSeconds: z
    .number()
    .int()
    .min(1)
    .max(3_600)
    .default(10)
    .describe('how often flows are looked through for expiry'),
  sizes,
  timeouts,
})

/** What a mode of detectLocalMode can't do without. */
const NEEDED = [
  ['BridgeInterface', 'bridgeInterface'],
  ['InterfaceNamePrefix', 'interfaceNamePrefix'],
] as const

export const schema = fields.superRefine((config, { addIssue }) => {
  for (const [mode, name] of NEEDED)
    if (config.detectLocalMode === mode && config.detectLocal[name] === '')
      addIssue({ code: 'custom', path: ['detectLocal', name], message: `is needed with detectLocalMode ${mode}` })
  if (config.detectLocalMode === 'ClusterCIDR' && config.clusterCIDR.length === 0)
    addIssue({ code: 'custom', path: ['clusterCIDR'], message: 'is needed with detectLocalMode ClusterCIDR' })
  if (overlap(parseBindAddress(config.healthzBindAddress), parseBindAddress(config.metricsBindAddress)))
    addIssue({
      code: 'custom',
      path: ['metricsBindAddress'],
      message: `${config.metricsBindAddress} is where healthzBindAddress is: choose another port`,
    })
})

/** An address that is not given is every one. */
function overlap(one: BindAddress | undefined, other: BindAddress | undefined): boolean {
  if (one === undefined || other === undefined || one.port !== other.port) return false
  return one.host === other.host || one.host === undefined || other.host === undefined
}

export type Config = Readonly<z.infer<typeof schema>>
/** As written: without the defaults. */
export type ConfigFields = Readonly<z.input<typeof fields>>

/** A second one of a family would never be looked at. */
function oneOfEachFamily(cidrs: readonly string[]): boolean {
  return new Set(cidrs.map(familyOf)).size === cidrs.length
}
