// SPDX-License-Identifier: Apache-2.0
/** Maps with typed keys and values, over descriptors. Array maps that are mapped into memory: array.ts; per-CPU maps: percpu.ts. */
import { constants } from 'node:os'
import type { Bridge } from '../../native/bridge.d.ts'
import { CHUNK, deleteElement, deleteElements, type RawMap, readChunks, writeElements, writeError } from './batch.ts'
import { bridge as nativeBridge } from './bridge.ts'
import type { Codec, MapLayout } from './codec.ts'
import { check, checkValue } from './errno.ts'
import { MismatchError } from './mismatch.ts'
import { newOperations, type Operations } from './operations.ts'

export interface MapOptions {
  /** Where operations are counted; several maps may share one. Default: the map's own. */
  readonly operations?: Operations
  /** Elements in one system call. */
  readonly chunk?: number
  readonly bridge?: Bridge
}

export interface TypedMap<K, V> {
  readonly layout: MapLayout<K, V>
  readonly fd: number
  /** Of the map in the kernel: may differ from the layout's default. */
  readonly maxEntries: number
  readonly operations: Operations
  /** undefined when there is no such element. */
  lookup(key: K): V | undefined
  /** flags: BPF_ANY (0), BPF_NOEXIST (1), BPF_EXIST (2). Throws KernelError. */
  update(key: K, value: V, flags?: number): void
  /** Whether the element was there. */
  delete(key: K): boolean
  /**
   * All elements, read in batches while one iterates. What is written meanwhile may or may not be seen; an element that stays is
   * seen at least once.
   */
  entries(): Generator<[K, V]>
  /** In batches. Throws KernelError that tells how many were written; these stay. */
  updateMany(entries: Iterable<readonly [K, V]>, flags?: number): void
  /** The same for keys and values that are encoded, one behind the other. */
  updateEncoded(keys: Buffer, values: Buffer): void
  /** In batches; keys that are not there are passed over. Returns how many were there. */
  deleteMany(keys: Iterable<K>): number
  /** Closes the descriptor; a pinned map lives on. */
  close(): void
}

/** The map behind a descriptor, which the typed map owns from now on. Throws MismatchError when its sizes or its type are others. */
export function openMap<K, V>(layout: MapLayout<K, V>, fd: number, options: MapOptions = {}): TypedMap<K, V> {
  if (layout.perCpu) throw new TypeError(`map ${layout.name} is per CPU: open it with openPerCpuMap`)
  const raw = rawMap(layout, fd, options, 1)
  return {
    layout,
    fd,
    maxEntries: raw.maxEntries,
    operations: raw.operations,
    ...single(layout, raw),
    ...many(layout, raw),
  }
}

interface Sized extends Pick<MapLayout<never, never>, 'name' | 'type' | 'perCpu'> {
  readonly key: { readonly size: number }
  readonly value: { readonly size: number }
}

/** What batches need to know. `cpus`: how many values an element has (each padded to 8 bytes when more than one is possible). */
export function rawMap(layout: Sized, fd: number, options: MapOptions, cpus: number): RawMap {
  const bridge = options.bridge ?? nativeBridge
  const info = checkValue(bridge.mapInfo(fd), 'ask about map', layout.name)
  if (info.type !== layout.type || info.keySize !== layout.key.size || info.valueSize !== layout.value.size)
    throw new MismatchError(
      `map ${layout.name} behind descriptor ${fd} has type ${info.type}, keys of ${info.keySize} and values of ${info.valueSize} bytes`,
      `It should be type ${layout.type}, ${layout.key.size} and ${layout.value.size} bytes`,
    )
  return {
    bridge,
    fd,
    name: layout.name,
    keySize: info.keySize,
    valueSize: layout.perCpu ? cpus * perCpuStride(info.valueSize) : info.valueSize,
    maxEntries: info.maxEntries,
    operations: options.operations ?? newOperations(),
    chunk: options.chunk ?? CHUNK,
  }
}

/** Values of arrays and of per-CPU maps begin at multiples of 8 bytes. */
export function perCpuStride(size: number): number {
  return Math.ceil(size / 8) * 8
}

type Single<K, V> = Pick<TypedMap<K, V>, 'lookup' | 'update' | 'delete' | 'close'>
type Many<K, V> = Pick<TypedMap<K, V>, 'entries' | 'updateMany' | 'updateEncoded' | 'deleteMany'>

function single<K, V>(layout: MapLayout<K, V>, raw: RawMap): Single<K, V> {
  const keyBuffer = Buffer.alloc(raw.keySize)
  const valueBuffer = Buffer.alloc(raw.valueSize)
  return {
    lookup(key) {
      layout.key.encode(key, keyBuffer)
      return lookupElement(raw, keyBuffer, valueBuffer) ? layout.value.decode(valueBuffer) : undefined
    },
    update(key, value, flags = 0) {
      layout.key.encode(key, keyBuffer)
      layout.value.encode(value, valueBuffer)
      raw.operations.syscalls++
      const result = raw.bridge.mapUpdate(raw.fd, keyBuffer, valueBuffer, flags)
      if (result < 0) throw writeError(raw, result, 0, 1)
      raw.operations.updates++
    },
    delete(key) {
      layout.key.encode(key, keyBuffer)
      return deleteElement(raw, keyBuffer)
    },
    close: () => void raw.bridge.close(raw.fd),
  }
}

/** Whether the element is there; its value is left in `value`. */
export function lookupElement(raw: RawMap, key: Buffer, value: Buffer): boolean {
  raw.operations.syscalls++
  const result = raw.bridge.mapLookup(raw.fd, key, value)
  if (result === -constants.errno.ENOENT) return false
  check(result, 'look into map', raw.name)
  raw.operations.lookups++
  return true
}

function many<K, V>(layout: MapLayout<K, V>, raw: RawMap): Many<K, V> {
  return {
    *entries() {
      for (const { keys, values, count } of readChunks(raw))
        for (let i = 0; i < count; i++)
          yield [layout.key.decode(keys, i * raw.keySize), layout.value.decode(values, i * raw.valueSize)]
    },
    updateMany(entries, flags = 0) {
      const list = [...entries]
      const keys = encodeAll(
        layout.key,
        list.map(([key]) => key),
      )
      const values = encodeAll(
        layout.value,
        list.map(([, value]) => value),
      )
      writeElements(raw, keys, values, list.length, flags)
    },
    updateEncoded(keys, values) {
      const count = keys.length / raw.keySize
      if (!Number.isInteger(count) || values.length !== count * raw.valueSize)
        throw new RangeError(
          `${raw.name} takes keys of ${raw.keySize} and values of ${raw.valueSize} bytes, as many of each`,
        )
      writeElements(raw, keys, values, count, 0)
    },
    deleteMany(keys) {
      const list = [...keys]
      return deleteElements(raw, encodeAll(layout.key, list), list.length)
    },
  }
}

/** All values, one behind the other. */
export function encodeAll<T>(codec: Codec<T>, values: readonly T[]): Buffer {
  const buffer = Buffer.alloc(values.length * codec.size)
  for (let i = 0; i < values.length; i++) codec.encode(values[i] as T, buffer, i * codec.size)
  return buffer
}
