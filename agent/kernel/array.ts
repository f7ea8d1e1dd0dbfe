// SPDX-License-Identifier: Apache-2.0
/**
 * Arrays (BPF_F_MMAPABLE, kernel 5.5+) as memory: reading and writing take no system call. A write is not atomic as a whole and
 * programs may read at the same time: write what nothing refers to yet, then publish it by an update of another map.
 */
import type { MapLayout } from './codec.ts'
import { checkValue } from './errno.ts'
import { type MapOptions, perCpuStride, rawMap } from './maps.ts'
import type { Operations } from './operations.ts'

export interface MappedArray<V> {
  readonly layout: MapLayout<number, V>
  readonly fd: number
  readonly maxEntries: number
  /** Bytes from one element to the next. */
  readonly stride: number
  /** updates counts the elements whose bytes changed. */
  readonly operations: Operations
  /** The map itself: writes to it are not counted. */
  readonly memory: Buffer
  /** Throws RangeError behind the end. */
  read(index: number): V
  /** Writes when the bytes differ, and says whether they did. */
  write(index: number, value: V): boolean
  /** A view of the bytes of some elements; only for maps whose elements lie without gaps. */
  view(index: number, count: number): Buffer
  /** Writes bytes from the start of an element on, over several elements, if they differ. Returns in how many elements they do. */
  writeBytes(index: number, bytes: Uint8Array): number
  /** Closes the descriptor; the memory stays mapped as long as it is referred to. */
  close(): void
}

export interface ArrayOptions extends MapOptions {
  /** false: for looking on; write throws. Default true. */
  readonly writable?: boolean
}

/** Maps the array behind a descriptor, which it owns from now on. Throws KernelError. */
export function mapArray<V>(layout: MapLayout<number, V>, fd: number, options: ArrayOptions = {}): MappedArray<V> {
  const raw = rawMap(layout, fd, options, 1)
  const writable = options.writable ?? true
  const stride = perCpuStride(raw.valueSize)
  const mapped = raw.bridge.mapMmap(fd, stride * raw.maxEntries)
  const memory = checkValue(mapped, 'map into memory', layout.name, 'It must be an array with BPF_F_MMAPABLE')
  const shape = { name: layout.name, stride, maxEntries: raw.maxEntries, writable, memory, operations: raw.operations }
  return {
    layout,
    fd,
    maxEntries: raw.maxEntries,
    stride,
    operations: raw.operations,
    memory,
    ...elements(layout, shape),
    close: () => void raw.bridge.close(fd),
  }
}

interface Shape {
  readonly name: string
  readonly stride: number
  readonly maxEntries: number
  readonly writable: boolean
  readonly memory: Buffer
  readonly operations: Operations
}

function elements<V>(
  { value }: MapLayout<number, V>,
  shape: Shape,
): Pick<MappedArray<V>, 'read' | 'write' | 'view' | 'writeBytes'> {
  const { memory, stride } = shape
  const scratch = Buffer.alloc(value.size)
  return {
    read: index => value.decode(memory, offsetOf(shape, index, 1)),
    write(index, element) {
      const at = offsetOf(shape, index, 1)
      value.encode(element, scratch)
      return copyChanged(shape, scratch, at)
    },
    view(index, count) {
      if (stride !== value.size) throw new RangeError(`elements of ${shape.name} have gaps`)
      const at = offsetOf(shape, index, count)
      return memory.subarray(at, at + count * stride)
    },
    writeBytes(index, bytes) {
      if (stride !== value.size) throw new RangeError(`elements of ${shape.name} have gaps`)
      const at = offsetOf(shape, index, Math.ceil(bytes.length / stride))
      let changed = 0
      for (let i = 0; i < bytes.length; i += stride) {
        const end = Math.min(i + stride, bytes.length)
        if (differs(memory, at + i, bytes, i, end)) changed++
      }
      copy(shape, bytes, at, changed)
      return changed
    },
  }
}

function offsetOf(shape: Shape, index: number, count: number): number {
  if (!Number.isInteger(index) || index < 0 || index + count > shape.maxEntries)
    throw new RangeError(
      `${shape.name} has ${shape.maxEntries} elements: no ${index}${count > 1 ? ` to ${index + count - 1}` : ''}`,
    )
  return index * shape.stride
}

function copyChanged(shape: Shape, bytes: Uint8Array, at: number): boolean {
  if (!differs(shape.memory, at, bytes, 0, bytes.length)) return false
  copy(shape, bytes, at, 1)
  return true
}

/** By hand: what is new differs in its first bytes, and compare() of a Buffer costs as much as some hundred. */
export function differs(memory: Buffer, at: number, bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (memory[at + i - start] !== bytes[i]) return true
  return false
}

/** `changed`: in how many elements. */
function copy({ name, memory, writable, operations }: Shape, bytes: Uint8Array, at: number, changed: number): void {
  if (changed === 0) return
  if (!writable) throw new TypeError(`${name} was opened for reading`)
  memory.set(bytes, at)
  operations.updates += changed
}
