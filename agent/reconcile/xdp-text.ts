// SPDX-License-Identifier: Apache-2.0
/** How XDP serves an uplink, in words. */
import { getSystemErrorMap } from 'node:util'
import { type Uplink, Xdp } from '../kernel/layout.gen.ts'

const WORDS: Readonly<Record<Xdp, readonly [mode: string, reason: string]>> = {
  [Xdp.OFF]: ['off', 'by configuration'],
  [Xdp.NATIVE]: ['native', ''],
  [Xdp.GENERIC]: ['generic', ''],
  [Xdp.UNFIT]: ['off', 'a device of this kind may hand over packets with unfinished checksums'],
  [Xdp.TAKEN]: ['off', 'the device has an XDP program of somebody else'],
  [Xdp.REFUSED]: ['off', 'the driver refused'],
}

/** What was done, and why nothing was. */
export function xdpWords({ xdp, error }: Pick<Uplink, 'xdp' | 'error'>): {
  readonly mode: string
  readonly reason: string
} {
  const [mode, reason] = WORDS[xdp as Xdp] ?? ['off', `state ${xdp}`]
  const code = getSystemErrorMap().get(-error)?.[0] ?? `errno ${error}`
  return { mode, reason: error === 0 ? reason : `${reason}: ${code}` }
}

/** "native", or "off: by configuration". */
export function xdpText(answer: Pick<Uplink, 'xdp' | 'error'>): string {
  const { mode, reason } = xdpWords(answer)
  return reason === '' ? mode : `${mode}: ${reason}`
}
