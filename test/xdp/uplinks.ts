// SPDX-License-Identifier: Apache-2.0
/** Two uplinks with XDP in a network namespace, and frames that come in at one of them. For files that run inOwnNetwork(). */
import { bridge } from '../../agent/kernel/bridge.ts'
import { listDevices } from '../../agent/kernel/devices.ts'
import { Xdp } from '../../agent/kernel/layout.gen.ts'
import { type Case, type FrameFields, frameBetween } from '../bpf/cases.ts'
import { type Dataplane, loadDataplane, type Outcome, XDP_VERDICT } from '../bpf/harness.ts'
import type { Endpoint } from '../bpf/services.ts'
import { run } from '../own-network.ts'
import { macBytes, mappedBytes } from '../packet/address.ts'

export const MTU = 9000
export const SMALL_MTU = 1400
/** What the node is called at up0, the routers' MACs, and who is reached how. */
export const NODE = { 4: '10.0.0.1', 6: 'fd00::1' } as const
export const MAC = { up0: '02:00:00:00:0a:00', up1: '02:00:00:00:0a:01' } as const
export const ROUTER_MAC = { up0: '02:00:00:00:0b:00', up1: '02:00:00:00:0b:01' } as const
/** Behind up1, over a small link at up0, and over a router whose MAC nobody knows. */
export const BEHIND = {
  up1: { 4: '198.51.100.9', 6: '2001:db8:100::9' },
  small: { 4: '198.51.101.9', 6: '2001:db8:101::9' },
  silent: { 4: '198.51.102.9', 6: '2001:db8:102::9' },
} as const

const NETWORK = `
link set lo up
link add up0 mtu ${MTU} address ${MAC.up0} type veth peer name far0 mtu ${MTU}
link add up1 mtu ${MTU} address ${MAC.up1} type veth peer name far1 mtu ${MTU}
link set far0 up
link set far1 up
link set up0 up
link set up1 up
addr add ${NODE[4]}/24 dev up0
addr add ${NODE[6]}/64 dev up0 nodad
addr add 10.0.9.1/24 dev up1
addr add fd00:9::1/64 dev up1 nodad
neigh add 10.0.0.254 lladdr ${ROUTER_MAC.up0} dev up0
neigh add fd00::fe lladdr ${ROUTER_MAC.up0} dev up0
neigh add 10.0.9.254 lladdr ${ROUTER_MAC.up1} dev up1
neigh add fd00:9::fe lladdr ${ROUTER_MAC.up1} dev up1
route add default via 10.0.0.254
route add ::/0 via fd00::fe
route add 198.51.100.0/24 via 10.0.9.254
route add 2001:db8:100::/64 via fd00:9::fe
route add 198.51.101.0/24 via 10.0.0.254 mtu lock ${SMALL_MTU}
route add 2001:db8:101::/64 via fd00::fe mtu lock ${SMALL_MTU}
route add 198.51.102.0/24 via 10.0.0.99
route add 2001:db8:102::/64 via fd00::99
`

export interface Uplinks {
  /** xdp_uplink and the maps. */
  readonly xdp: Dataplane
  /** tc_uplink_ingress over the same maps. */
  readonly tc: Dataplane
  readonly ifindex: Readonly<Record<'up0' | 'up1', number>>
  /** As XDP at up0 treats it: once more where the packet was the one that confirms a neighbour. */
  enter(frame: Buffer): Outcome
  /** A frame to this node that comes in at up0. */
  frame(test: Case, from: Endpoint, to: Endpoint, fields?: FrameFields): Buffer
  close(): void
}

export function upUplinks(): Uplinks {
  for (const line of NETWORK.trim().split('\n')) run('ip', ...line.split(' '))
  run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
  const xdp = loadDataplane({ object: 'xdp', flows: 65_536 })
  const tc = loadDataplane({ object: 'uplink', shared: xdp })
  const ifindexOf = (device: string) => listDevices().find(({ name }) => name === device)!.ifindex
  const ifindex = { up0: ifindexOf('up0'), up1: ifindexOf('up1') }
  const link = attach(xdp.programs.xdp_uplink, ifindex.up0)
  for (const name of ['up0', 'up1'] as const)
    xdp.uplinks.update(ifindex[name], {
      ipv4: mappedBytes(name === 'up0' ? NODE[4] : '10.0.9.1'),
      ipv6: mappedBytes(name === 'up0' ? NODE[6] : 'fd00:9::1'),
      mac: macBytes(MAC[name]),
      xdp: Xdp.NATIVE,
      error: 0,
    })
  return {
    xdp,
    tc,
    ifindex,
    enter(frame) {
      const once = () => xdp.run('xdp_uplink', frame, { ifindex: ifindex.up0 })
      let outcome = once()
      for (let tries = 0; tries < 4 && outcome.verdict === XDP_VERDICT.PASS && outcome.frame.equals(frame); tries++)
        outcome = once()
      return outcome
    },
    frame: (test, from, to, fields = {}) => frameBetween(test, from, to, { dst: MAC.up0, ...fields }),
    close() {
      bridge.close(link)
      tc.close()
      xdp.close()
    },
  }
}

const XDP_FLAGS_DRV_MODE = 4

/** Only then can a test run come in at this device. */
function attach(programFd: number, ifindex: number): number {
  const link = bridge.attachXdp(programFd, ifindex, XDP_FLAGS_DRV_MODE)
  if (link < 0) throw new Error(`can't attach XDP to device ${ifindex}: errno ${-link}`)
  return link
}
