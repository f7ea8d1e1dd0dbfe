// SPDX-License-Identifier: Apache-2.0
/** The XDP program, loaded when the first device asks for it. */
import { bridge } from '../kernel/bridge.ts'
import { KernelError } from '../kernel/errno.ts'
import type { LoadedObject } from '../kernel/objects.ts'
import type { XdpMode } from '../kernel/xdp.ts'

export interface XdpProgram {
  /** A descriptor; once refused, refused the same way again. Throws KernelError. */
  fd(mode: XdpMode): number
  close(): void
}

/**
 * Native: for frames in pieces, where the kernel has them (5.18). Generic XDP gives such a program a copy of the packet that has lost
 * skb->mac_len (seen on 6.18), and tc behind it reads no Ethernet header: there the other one, for which the kernel makes one piece.
 */
const PROGRAMS: Readonly<Record<XdpMode, readonly string[]>> = {
  native: ['xdp_uplink', 'xdp_uplink_linear'],
  generic: ['xdp_uplink_linear'],
}

/** `load` loads one program of the object. */
export function xdpProgram(load: (program: string) => LoadedObject): XdpProgram {
  let loaded: { readonly object: LoadedObject; readonly fd: number } | undefined
  let refused: KernelError | undefined

  function loadFirst(programs: readonly string[]): NonNullable<typeof loaded> {
    for (const name of programs)
      try {
        const object = load(name)
        return { object, fd: object.programFd(name) }
      } catch (error) {
        if (!(error instanceof KernelError)) throw error
        refused = error
      }
    throw refused
  }

  return {
    fd(mode) {
      if (loaded === undefined && refused !== undefined) throw refused
      loaded ??= loadFirst(PROGRAMS[mode])
      return loaded.fd
    },
    close() {
      if (loaded === undefined) return
      bridge.close(loaded.fd)
      loaded.object.close()
    },
  }
}
