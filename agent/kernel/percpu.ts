// SPDX-License-Identifier: Apache-2.0
/** Per-CPU maps: every CPU counts in a value of its own, the agent adds them up. */
import { type RawMap, readChunks, writeElements } from './batch.ts'
import { bridge as nativeBridge } from './bridge.ts'
import type { MapLayout } from './codec.ts'
import { encodeAll, lookupElement, type MapOptions, perCpuStride, rawMap } from './maps.ts'
import type { Operations } from './operations.ts'

export interface PerCpuMap<K, V> {
  readonly layout: MapLayout<K, V>
  readonly fd: number
  readonly maxEntries: number
  readonly operations: Operations
  /** One value for each possible CPU; undefined when there is no such element. */
  lookup(key: K): V[] | undefined
  /** All CPUs added up; undefined when there is no such element. */
  sum(key: K): V | undefined
  /** All elements, each added up, read in batches. */
  sums(): Generator<[K, V]>
  /** Sets elements to zero on all CPUs. A program that counts at the same moment may be lost. */
  reset(keys: Iterable<K>): void
  close(): void
}

/** The per-CPU map behind a descriptor, which it owns from now on. Throws MismatchError when its sizes or its type are others. */
export function openPerCpuMap<K, V>(layout: MapLayout<K, V>, fd: number, options: MapOptions = {}): PerCpuMap<K, V> {
  const { sum: add } = layout.value
  if (!layout.perCpu || add === undefined)
    throw new TypeError(`map ${layout.name} is not per CPU with values of u64 only: open it with openMap`)
  const cpus = (options.bridge ?? nativeBridge).possibleCpus()
  const raw = rawMap(layout, fd, options, cpus)
  const stride = perCpuStride(layout.value.size)
  const decode = (values: Buffer, at: number) =>
    Array.from({ length: cpus }, (_, cpu) => layout.value.decode(values, at + cpu * stride))
  const lookup = reader(layout, raw, decode)
  return {
    layout,
    fd,
    maxEntries: raw.maxEntries,
    operations: raw.operations,
    lookup,
    sum(key) {
      const values = lookup(key)
      return values === undefined ? undefined : add(values)
    },
    *sums() {
      for (const { keys, values, count } of readChunks(raw))
        for (let i = 0; i < count; i++)
          yield [layout.key.decode(keys, i * raw.keySize), add(decode(values, i * raw.valueSize))]
    },
    reset(keys) {
      const list = [...keys]
      writeElements(raw, encodeAll(layout.key, list), Buffer.alloc(list.length * raw.valueSize), list.length, 0)
    },
    close: () => void raw.bridge.close(fd),
  }
}

function reader<K, V>(
  layout: MapLayout<K, V>,
  raw: RawMap,
  decode: (values: Buffer, at: number) => V[],
): (key: K) => V[] | undefined {
  const keyBuffer = Buffer.alloc(raw.keySize)
  const valueBuffer = Buffer.alloc(raw.valueSize)
  return key => {
    layout.key.encode(key, keyBuffer)
    return lookupElement(raw, keyBuffer, valueBuffer) ? decode(valueBuffer, 0) : undefined
  }
}
