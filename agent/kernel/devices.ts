// SPDX-License-Identifier: Apache-2.0
/** Network devices, their addresses and routes, as the kernel tells of them now (in the network namespace of this process). */
import { addressText } from './address.ts'
import { type Attributes, attributes, attributeText, attributeU32, dump, type Message } from './netlink.ts'

export interface Device {
  readonly ifindex: number
  readonly name: string
  /** "veth", "bridge", "vxlan"; empty for hardware and loopback. */
  readonly kind: string
  /** Where hardware is: "pci", "virtio", "xen"; empty when the kernel (before 5.14) does not tell. */
  readonly bus: string
  readonly mtu: number
  /** "02:42:ac:11:00:02"; empty when it has none. */
  readonly mac: string
  readonly up: boolean
  readonly loopback: boolean
  /** Of the bridge or bond that it is a port of. */
  readonly masterIndex?: number
  /** The other end of a veth, or the device below a VLAN; perhaps in another namespace. */
  readonly peerIndex?: number
}

export interface DeviceAddress {
  readonly ifindex: number
  /** Canonical text (RFC 5952 for IPv6). */
  readonly address: string
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array
  readonly prefix: number
  /** RT_SCOPE_*: 0 global, 253 link, 254 host. */
  readonly scope: number
  /** IPv6: not usable yet (duplicate address detection), or never (duplicate). */
  readonly tentative: boolean
}

export interface Route {
  /** Canonical text; "0.0.0.0" or "::" with prefix 0 for a default route. */
  readonly destination: string
  readonly prefix: number
  /** Empty when the destination is on the link. */
  readonly gateway: string
  /** 0 for a route without one device (unreachable, or over several). */
  readonly ifindex: number
  /** RT_TABLE_*: 254 main, 255 local. */
  readonly table: number
  /** RTN_*: 1 unicast, 2 local, 3 broadcast, 7 unreachable. */
  readonly type: number
  readonly metric: number
}

// <linux/rtnetlink.h>
export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
}
const RTM_F_CLONED = 0x200
// <linux/if.h>, <linux/if_link.h>
const IFF = { UP: 0x1, LOOPBACK: 0x8 }
const IFLA = { ADDRESS: 1, IFNAME: 3, MTU: 4, LINK: 5, MASTER: 10, LINKINFO: 18, PARENT_BUS: 57 }
const IFLA_INFO_KIND = 1
// <linux/if_addr.h>
const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 }
const IFA_F_DADFAILED = 0x08
const IFA_F_TENTATIVE = 0x40
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, TABLE: 15 }
const AF_UNSPEC = 0
const AF_INET = 2
const AF_INET6 = 10

/** All devices. Throws KernelError. */
export function listDevices(): Device[] {
  return parseAll(dump(RTM.GETLINK, Buffer.alloc(16), 'devices'), parseDevice)
}

/** All addresses of both families. Throws KernelError. */
export function listAddresses(): DeviceAddress[] {
  return parseAll(dump(RTM.GETADDR, Buffer.alloc(8), 'addresses'), parseAddress)
}

/** All routes of both families and all tables. Throws KernelError. */
export function listRoutes(): Route[] {
  return parseAll(dump(RTM.GETROUTE, Buffer.alloc(12), 'routes'), parseRoute)
}

function parseAll<T>(found: readonly Message[], parse: (body: Buffer) => T | undefined): T[] {
  return found.map(message => parse(message.body)).filter(item => item !== undefined)
}

/** struct ifinfomsg and attributes; undefined when it is about a bridge's port (AF_BRIDGE), not about a device. */
export function parseDevice(body: Buffer): Device | undefined {
  if (body.length < 16 || body.readUInt8(0) !== AF_UNSPEC) return undefined
  const flags = body.readUInt32LE(8)
  const found = attributes(body, 16)
  const masterIndex = attributeU32(found, IFLA.MASTER)
  const peerIndex = attributeU32(found, IFLA.LINK)
  return {
    ifindex: body.readInt32LE(4),
    name: attributeText(found, IFLA.IFNAME),
    kind: kindOf(found),
    bus: attributeText(found, IFLA.PARENT_BUS),
    mtu: attributeU32(found, IFLA.MTU) ?? 0,
    mac: [...(found.get(IFLA.ADDRESS) ?? [])].map(byte => byte.toString(16).padStart(2, '0')).join(':'),
    up: (flags & IFF.UP) !== 0,
    loopback: (flags & IFF.LOOPBACK) !== 0,
    ...(masterIndex === undefined ? {} : { masterIndex }),
    ...(peerIndex === undefined ? {} : { peerIndex }),
  }
}

function kindOf(found: Attributes): string {
  const info = found.get(IFLA.LINKINFO)
  return info === undefined ? '' : attributeText(attributes(info, 0), IFLA_INFO_KIND)
}

/** struct ifaddrmsg and attributes; undefined for other families. */
export function parseAddress(body: Buffer): DeviceAddress | undefined {
  if (body.length < 8 || ![AF_INET, AF_INET6].includes(body.readUInt8(0))) return undefined
  const found = attributes(body, 8)
  // On point-to-point devices IFA_ADDRESS is the peer's.
  const bytes = found.get(IFA.LOCAL) ?? found.get(IFA.ADDRESS)
  if (bytes === undefined) return undefined
  const flags = attributeU32(found, IFA.FLAGS) ?? body.readUInt8(2)
  return {
    ifindex: body.readUInt32LE(4),
    address: addressText(bytes),
    bytes: Uint8Array.from(bytes),
    prefix: body.readUInt8(1),
    scope: body.readUInt8(3),
    tentative: (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) !== 0,
  }
}

/** struct rtmsg and attributes; undefined for other families and for the cache's clones. */
function parseRoute(body: Buffer): Route | undefined {
  const family = body.length < 12 ? -1 : body.readUInt8(0)
  if (![AF_INET, AF_INET6].includes(family) || (body.readUInt32LE(8) & RTM_F_CLONED) !== 0) return undefined
  const found = attributes(body, 12)
  const gateway = found.get(RTA.GATEWAY)
  return {
    destination: addressText(found.get(RTA.DST) ?? new Uint8Array(family === AF_INET ? 4 : 16)),
    prefix: body.readUInt8(1),
    gateway: gateway === undefined ? '' : addressText(gateway),
    ifindex: attributeU32(found, RTA.OIF) ?? 0,
    table: attributeU32(found, RTA.TABLE) ?? body.readUInt8(4),
    type: body.readUInt8(7),
    metric: attributeU32(found, RTA.PRIORITY) ?? 0,
  }
}
