// SPDX-License-Identifier: Apache-2.0
/** kube-proxy's ipvs mode: virtual servers of the kernel, their addresses on a device, and sets for iptables. */
import { existsSync } from 'node:fs'
import type { Leftover, StepOf } from './steps.ts'
import { hasTool, runTool } from './tool.ts'

const DEVICE = 'kube-ipvs0'
/** Those of ipset.go in kube-proxy; of IPv6 with KUBE-6-. */
const SETS =
  /^KUBE-(?:6-)?(?:LOOP-BACK|CLUSTER-IP|EXTERNAL-IP(?:-LOCAL)?|LOAD-BALANCER(?:-LOCAL|-FW|-SOURCE-IP|-SOURCE-CIDR)?|NODE-PORT-(?:LOCAL-)?(?:TCP|UDP|SCTP-HASH)|HEALTH-CHECK-NODE-PORT|IPVS-IPS)$/

interface DeviceListing {
  readonly ifname: string
  readonly linkinfo?: { readonly info_kind?: string }
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[]
}

/** In the order in which they can go: servers, device, sets. Throws MigrateError. */
export function ipvsLeftovers(): Leftover[] {
  const device = findDevice()
  const servers = ipvsServers(device?.addresses ?? [])
  return [...servers, ...(device ? [deviceLeftover(device)] : [])]
}

function findDevice(): StepOf<'device'> | undefined {
  if (!existsSync(`/sys/class/net/${DEVICE}`)) return undefined
  const all: DeviceListing[] = JSON.parse(runTool(['ip', '-j', '-d', 'addr', 'show', 'dev', DEVICE]))
  const found = all.find(({ ifname }) => ifname === DEVICE)
  if (found === undefined) return undefined
  const given = found.addr_info.filter(({ scope }) => scope !== 'link')
  return {
    kind: 'device',
    name: DEVICE,
    type: found.linkinfo?.info_kind ?? 'dummy',
    addresses: given.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  }
}

function deviceLeftover(step: StepOf<'device'>): Leftover {
  return {
    kind: 'device',
    where: `device ${DEVICE}`,
    what: `${step.addresses.length} addresses`,
    kept: [],
    frontends: [],
    step,
    remove: () => void runTool(['ip', 'link', 'delete', 'dev', DEVICE]),
  }
}

function ipvsServers(addresses: readonly string[]): Leftover[] {
  // Without the module there are none, and to ask ipvsadm would load it.
  if (!existsSync('/proc/net/ip_vs')) return []
  const { ours, foreign } = splitServers(runTool(['ipvsadm', '-S', '-n']), addresses, nodePorts())
  if (ours.length === 0) return []
  const servers = ours.filter(({ isServer }) => isServer)
  return [
    {
      kind: 'ipvs',
      where: 'IPVS',
      what: `${servers.length} virtual servers`,
      kept: foreign.map(({ server }) => `${server}, whose address is not on ${DEVICE}`),
      frontends: servers.map(({ server }) => server),
      step: { kind: 'ipvs', text: ours.map(({ text }) => `${text}\n`).join('') },
      remove: () => {
        for (const { text } of servers) runTool(['ipvsadm', ...text.replace(/^-A (\S+ \S+).*/, '-D $1').split(' ')])
      },
    },
  ]
}

export interface Server {
  /** "-A -t 10.96.0.1:443 -s rr" and, for a backend, "-a -t 10.96.0.1:443 -r 10.0.0.1:6443 -m -w 1" */
  readonly text: string
  readonly isServer: boolean
  /** "10.96.0.1:443/TCP" */
  readonly server: string
}

const PROTOCOLS: Readonly<Record<string, string>> = { '-t': 'TCP', '-u': 'UDP', '--sctp-service': 'SCTP' }

/** Ports in kube-proxy's sets of nodePorts: "add KUBE-NODE-PORT-TCP 30080", "add KUBE-NODE-PORT-SCTP-HASH 10.0.0.1,sctp:30080". */
function nodePorts(): ReadonlySet<number> {
  const sets = ipsetNames().filter(name => name.includes('NODE-PORT'))
  const entries = sets.flatMap(name => runTool(['ipset', 'save', name]).split('\n'))
  return new Set(entries.map(line => Number(/^add .*?(\d+)$/.exec(line)?.[1])))
}

/**
 * Lines of `ipvsadm -S -n`. kube-proxy puts each address that it serves on kube-ipvs0, those of nodes for nodePorts excepted: their
 * ports are in sets. All else is somebody else's.
 */
export function splitServers(text: string, addresses: readonly string[], nodePorts: ReadonlySet<number>) {
  const known = new Set(addresses.map(address => address.replace(/\/\d+$/, '')))
  const isOurs = ({ server }: Server) => {
    const [, address = '', port] = /^\[?([^\]]*?)\]?:(\d+)\//.exec(server) ?? []
    return known.has(address) || nodePorts.has(Number(port))
  }
  const all = text.split('\n').filter(Boolean).map(parseServer)
  return { ours: all.filter(isOurs), foreign: all.filter(one => one.isServer && !isOurs(one)) }
}

function parseServer(text: string): Server {
  const [verb, kind = '', address = ''] = text.trim().split(/\s+/)
  return { text: text.trim(), isServer: verb === '-A', server: `${address}/${PROTOCOLS[kind] ?? kind}` }
}

function ipsetNames(): string[] {
  if (!hasTool('ipset')) return []
  return runTool(['ipset', 'list', '-n'])
    .split('\n')
    .filter(name => SETS.test(name))
}

/** After the rules that use them. Throws MigrateError. */
export function ipsetLeftovers(): Leftover[] {
  return ipsetNames().map(name => {
    const text = runTool(['ipset', 'save', name])
    return {
      kind: 'ipset',
      where: `ipset ${name}`,
      what: `${text.match(/^add /gm)?.length ?? 0} entries`,
      kept: [],
      frontends: [],
      step: { kind: 'ipset', name, text },
      remove: () => void runTool(['ipset', 'destroy', name]),
    }
  })
}

/** Each false when it is there again. */
export function restoreDevice({ name, type, addresses }: StepOf<'device'>): boolean {
  if (existsSync(`/sys/class/net/${name}`)) return false
  runTool(['ip', 'link', 'add', name, 'type', type])
  for (const address of addresses) runTool(['ip', 'addr', 'add', address, 'dev', name])
  return true
}

export function restoreServers({ text }: StepOf<'ipvs'>): boolean {
  if (runTool(['ipvsadm', '-S', '-n']).includes(text.split('\n', 1)[0] ?? '')) return false
  runTool(['ipvsadm', '-R'], text)
  return true
}

export function restoreSet({ name, text }: StepOf<'ipset'>): boolean {
  if (runTool(['ipset', 'list', '-n']).split('\n').includes(name)) return false
  runTool(['ipset', 'restore'], text)
  return true
}
