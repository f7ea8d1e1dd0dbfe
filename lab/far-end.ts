// SPDX-License-Identifier: Apache-2.0
/** What the far end of a veth must be like whose near end has XDP programs that send. */
import { loads, OBJECT } from '../agent/kernel/features.ts'

/** For `ethtool -K`. XDP works on bytes alone, so checksums and VLAN tags must be in them. */
export const FAR_END_FEATURES = 'tx off txvlan off'

let frames: string | undefined

/** Before kernel 5.18 there are no frames in pieces. */
function program(): string {
  frames ??= loads(OBJECT, 'probe_xdp_frags') ? 'probe_xdp_frags' : 'probe_xdp'
  return frames
}

/**
 * For `ip`: a program that passes everything on. What XDP_TX sends out of a veth lies in the other end's ring until that end is woken,
 * and it is woken only when it has an XDP program itself (veth_xdp_flush; GRO alone does not do, 6.18).
 */
export function farEndLine(device: string): string {
  return `link set dev ${device} xdpdrv object ${OBJECT} program ${program()}`
}

/** `ip`, for a shell, in a bpffs of its own: when it loads an object it makes folders there, and leaves them (iproute2 6.1). */
export const IP = `unshare --mount sh -c 'mount -t bpf bpf /sys/fs/bpf && exec ip "$@"' ip`
