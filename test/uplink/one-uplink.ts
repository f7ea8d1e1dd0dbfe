// SPDX-License-Identifier: Apache-2.0
/** A node with one uplink in a network namespace, and frames that come and go there. For files that run inOwnNetwork(). */
import { listDevices } from '../../agent/kernel/devices.ts'
import { Xdp } from '../../agent/kernel/layout.gen.ts'
import { type Case, type FrameFields, frameBetween } from '../bpf/cases.ts'
import { type Dataplane, loadDataplane, type Outcome } from '../bpf/harness.ts'
import type { Endpoint } from '../bpf/services.ts'
import { run } from '../own-network.ts'
import { mappedBytes } from '../packet/address.ts'

/** Of the loopback device, where frames of test runs come in: others are for other hosts. */
export const TO_US = { dst: '00:00:00:00:00:00' } as const
export const NODE = { 4: '10.0.0.1', 6: 'fd00::1' } as const
export const MTU = 1500

const NETWORK = `
link set lo up
link add up0 mtu ${MTU} type veth peer name far0
link set far0 up
link set up0 up
addr add ${NODE[4]}/24 dev up0
addr add ${NODE[6]}/64 dev up0 nodad
route add default via 10.0.0.254
route add ::/0 via fd00::fe
`

/** What the uplink's tc programs make of a frame to us; the device has summed it up. */
export interface Uplink {
  readonly dataplane: Dataplane
  enter(frame: Buffer, options?: object): Outcome
  leave(frame: Buffer): Outcome
}

export function upUplink(): Uplink {
  for (const line of NETWORK.trim().split('\n')) run('ip', ...line.split(' '))
  run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
  const dataplane = loadDataplane({ object: 'uplink', flows: 65_536 })
  const up0 = listDevices().find(({ name }) => name === 'up0')!.ifindex
  const names = { ipv4: mappedBytes(NODE[4]), ipv6: mappedBytes(NODE[6]) }
  dataplane.uplinks.update(up0, { ...names, mac: Buffer.alloc(6), xdp: Xdp.OFF, error: 0 })
  return {
    dataplane,
    enter: (frame, options) => dataplane.run('tc_uplink_ingress', frame, { checksumComplete: true, ...options }),
    leave: frame => dataplane.run('tc_uplink_egress', frame, { checksumComplete: true }),
  }
}

export function frameToUs(test: Case, from: Endpoint, to: Endpoint, fields: FrameFields = {}): Buffer {
  return frameBetween(test, from, to, { ...TO_US, ...fields })
}
