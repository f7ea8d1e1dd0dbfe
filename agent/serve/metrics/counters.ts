// SPDX-License-Identifier: Apache-2.0
/** ek_counters, read for a scrape: many at a time, without objects, and with pauses. */
import { setImmediate } from 'node:timers/promises'
import { readChunks } from '../../kernel/batch.ts'
import { bridge } from '../../kernel/bridge.ts'
import { MAPS, type ServiceCounters, serviceCountersCodec } from '../../kernel/layout.gen.ts'
import { rawMap } from '../../kernel/maps.ts'
import type { Dataplane } from '../../reconcile/dataplane.ts'

/** In the order of struct ek_service_counters. */
export const TRAFFIC = serviceCountersCodec.fields.map(({ path }) => path) as readonly (keyof ServiceCounters)[]

/** Values in one read, over all CPUs: half a megabyte, about a millisecond. */
const VALUES = 16_384
const FIELD = 8
const WORD = 2 ** 32

/**
 * All fields of ids 0 to `last`, one id behind the other. The map is an array: its batches come in the order of ids (kernel 5.13+;
 * before, elements are read one by one).
 */
export async function readCounters({ counters }: Pick<Dataplane, 'counters'>, last: number): Promise<Float64Array> {
  const cpus = bridge.possibleCpus()
  const fields = TRAFFIC.length
  const chunk = Math.max(1, Math.min(last + 1, Math.floor(VALUES / cpus)))
  const map = rawMap(MAPS.counters, counters.fd, { chunk }, cpus)
  const totals = new Float64Array((last + 1) * fields)
  for (const { keys, values, count } of readChunks(map)) {
    const words = new Uint32Array(values.buffer, values.byteOffset, values.byteLength / 4)
    let id = 0
    for (let i = 0; i < count; i++) {
      id = keys.readUInt32LE(i * map.keySize)
      if (id > last) break
      for (let at = 0; at < map.valueSize / FIELD; at++) {
        const word = (i * map.valueSize) / 4 + at * 2
        totals[id * fields + (at % fields)]! += words[word]! + words[word + 1]! * WORD
      }
    }
    if (id >= last) break
    await setImmediate()
  }
  return totals
}
