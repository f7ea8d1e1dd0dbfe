// SPDX-License-Identifier: Apache-2.0
/** The note of bpf/note.h, as bytes written by hand from docs/dsr.md. */
import { type Case, type FrameFields, frameBetween } from '../bpf/cases.ts'
import type { Endpoint } from '../bpf/services.ts'
import { mappedBytes } from '../packet/address.ts'
import { destinationOptions } from '../packet/extension.ts'

const TYPE = { 4: 158, 6: 0x1e } as const
const MAGIC = 0xd5
export const FIN = 1

/** What a packet has to carry so that it tells of `dialled`. */
export function noteOf(test: Case, dialled: Endpoint, flags = 0): Pick<FrameFields, 'options' | 'extensions'> {
  const port = Buffer.from([dialled.port >> 8, dialled.port & 0xff])
  const address = Buffer.from(mappedBytes(dialled.address))
  if (test.version === 6)
    return {
      extensions: [destinationOptions(Buffer.concat([Buffer.from([TYPE[6], 20, MAGIC, flags]), port, address]))],
    }
  const option = [Buffer.from([TYPE[4], 10, MAGIC, flags]), address.subarray(12), port, Buffer.alloc(2)]
  return { options: Buffer.concat(option) }
}

/** A frame from one end to the other, with a note. */
export function noted(
  test: Case,
  from: Endpoint,
  to: Endpoint,
  dialled: Endpoint,
  { note = 0, ...fields }: FrameFields & { readonly note?: number } = {},
): Buffer {
  return frameBetween(test, from, to, { ...fields, ...noteOf(test, dialled, note) })
}
