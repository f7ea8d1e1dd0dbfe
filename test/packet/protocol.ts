// SPDX-License-Identifier: Apache-2.0
/** Protocol numbers (IANA), and what a transport needs from the IP header to close its checksum. */

export const PROTO = {
  HOP_BY_HOP: 0,
  ICMP4: 1,
  TCP: 6,
  UDP: 17,
  ROUTING: 43,
  FRAGMENT: 44,
  ESP: 50,
  AH: 51,
  ICMP6: 58,
  NO_NEXT: 59,
  DESTINATION: 60,
  SCTP: 132,
} as const

export const ETHERTYPE = { IPV4: 0x0800, ARP: 0x0806, VLAN: 0x8100, IPV6: 0x86dd, QINQ: 0x88a8 } as const

/** Addresses as the pseudo header has them. */
export interface Ends {
  readonly src: Uint8Array
  readonly dst: Uint8Array
}

/** A message to put into an IP packet: encode() closes its checksum over the pseudo header. */
export interface Message {
  readonly proto: number
  readonly encode: (ends: Ends) => Buffer
}

/** Bytes of any protocol, as they are. */
export function raw(proto: number, bytes: Buffer): Message {
  return { proto, encode: () => bytes }
}
