// SPDX-License-Identifier: Apache-2.0
/** A device on a network of the lab: a veth, or a bridge, a VLAN device or a bond over veths. */
import { type Attachment, VLAN } from './networks.ts'

interface Ends {
  /** In the namespace that is attached. */
  readonly near: string
  /** In the fabric's. */
  readonly far: string
}

/** The veths that it needs. */
export function vethsOf({ kind, device, port }: Attachment): Ends[] {
  const near = kind === 'veth' ? device : device.replace(/^\D+(\d+).*$/, 'eth$1')
  if (kind !== 'bond') return [{ near, far: port }]
  return [
    { near: `${near}a`, far: `${port}a` },
    { near: `${near}b`, far: `${port}b` },
  ]
}

/** Lines for `ip` that make the device over its veths, and set them up. */
export function linesOf(attachment: Attachment, mtu: number): string[] {
  const { kind, device } = attachment
  const veths = vethsOf(attachment).map(({ near }) => near)
  const sized = veths.map(name => `link set ${name} mtu ${mtu}`)
  switch (kind) {
    case 'veth':
      return sized
    case 'bridge':
      return [
        ...sized,
        `link add ${device} type bridge stp_state 0 mcast_snooping 0`,
        ...veths.map(name => `link set ${name} master ${device} up`),
      ]
    case 'vlan':
      return [
        ...sized,
        `link add link ${veths[0]} name ${device} type vlan id ${VLAN}`,
        ...veths.map(name => `link set ${name} up`),
      ]
    case 'bond':
      return [
        ...sized,
        `link add ${device} type bond mode active-backup miimon 100`,
        ...veths.map(name => `link set ${name} master ${device}`),
      ]
  }
}

/** Lines for `ip` at the fabric's end: onto a bridge. */
export function portLinesOf(attachment: Attachment, bridge: string, mtu: number): string[] {
  const ports = vethsOf(attachment).map(({ far }) => far)
  const up = ports.map(port => `link set ${port} mtu ${mtu} up`)
  if (attachment.kind !== 'vlan') return [...up, ...ports.map(port => `link set ${port} master ${bridge}`)]
  return [
    ...up,
    ...ports.flatMap(port => [
      `link add link ${port} name ${port}.${VLAN} type vlan id ${VLAN}`,
      `link set ${port}.${VLAN} master ${bridge} up`,
    ]),
  ]
}
