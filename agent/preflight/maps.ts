// SPDX-License-Identifier: Apache-2.0
/** Every kind of map that is used, made and written as it will be; and pinned where maps are kept. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { bridge } from '../kernel/bridge.ts'
import { check, checkValue, KernelError } from '../kernel/errno.ts'
import { makePinFolder } from '../kernel/pins.ts'
import { attempt, type Finding } from './finding.ts'

/** <linux/bpf.h> */
const NO_PREALLOC = 1
const MMAPABLE = 1 << 10
const KINDS = [
  { kind: 'hash', type: 1, flags: NO_PREALLOC },
  { kind: 'array', type: 2, flags: MMAPABLE },
  { kind: 'per-CPU array', type: 6, flags: 0 },
  { kind: 'LRU hash', type: 9, flags: 0 },
  { kind: 'LPM trie', type: 11, flags: NO_PREALLOC },
] as const
const RING = 27
/** A page or more of any architecture. */
const RING_SIZE = 65_536
const ENTRIES = 64

export function maps(bpffs: string): Finding[] {
  return [
    attempt('map kinds', true, makeAll, {
      consequence: 'There is nowhere to keep Services.',
      remedy: 'CONFIG_BPF_SYSCALL is needed, and the rights above.',
    }),
    attempt('arrays in memory', true, mapArray, {
      consequence: "Backends and tables can't be written.",
      remedy: 'Linux 5.5 or newer has BPF_F_MMAPABLE.',
    }),
    attempt('batches', false, writeBatch, {
      consequence: 'Maps are read and written one element at a time: starts take longer.',
      remedy: 'Nothing to do; Linux 5.6 or newer has batches.',
    }),
    attempt('ring buffer', true, openRing, {
      consequence: 'Programs that report events do not load.',
      remedy: 'Linux 5.8 or newer has ring buffers.',
    }),
    attempt('bpffs', true, () => pinOne(bpffs), {
      consequence: 'Maps and programs would go with the agent, and Services with them.',
      remedy: `mount -t bpf bpf ${bpffs}; in a pod mount that folder of the host, with mountPropagation: Bidirectional.`,
    }),
  ]
}

function withMap<T>(type: number, flags: number, work: (fd: number) => T, maxEntries = ENTRIES): T {
  const size = type === RING ? 0 : 8
  const spec = { name: 'ek_preflight', type, keySize: [2, 6].includes(type) ? 4 : size, valueSize: size }
  const fd = check(bridge.mapCreate({ ...spec, maxEntries, flags }), 'make a map of type', String(type))
  try {
    return work(fd)
  } finally {
    bridge.close(fd)
  }
}

function makeAll(): string {
  for (const { type, flags } of KINDS) withMap(type, flags, () => undefined)
  return KINDS.map(({ kind }) => kind).join(', ')
}

function mapArray(): string {
  return withMap(2, MMAPABLE, fd => {
    const memory = checkValue(bridge.mapMmap(fd, ENTRIES * 8), 'map into memory', 'an array')
    memory.writeUInt32LE(42, 8)
    const value = Buffer.alloc(8)
    const key = Buffer.from([1, 0, 0, 0])
    check(bridge.mapLookup(fd, key, value), 'read', 'an array')
    if (value.readUInt32LE() !== 42) throw new KernelError({ operation: 'see', subject: 'what was written', errno: 5 })
    return 'written and seen'
  })
}

function writeBatch(): string {
  for (const type of [1, 9])
    withMap(type, type === 1 ? NO_PREALLOC : 0, fd => {
      const keys = Buffer.from([...Array(16).keys()])
      check(bridge.mapUpdateBatch(fd, keys, keys, 2).errno, 'write a batch to a map of type', String(type))
    })
  return 'hash, LRU hash'
}

function openRing(): string {
  return withMap(
    RING,
    0,
    fd => {
      bridge.ringClose(checkValue(bridge.ringOpen(fd), 'open', 'a ring buffer'))
      return 'opened'
    },
    RING_SIZE,
  )
}

function pinOne(bpffs: string): string {
  const path = join(bpffs, `evenkeel-preflight-${process.pid}`)
  // Refuses what is no bpffs.
  makePinFolder({ path, links: join(path, 'links') })
  try {
    withMap(1, NO_PREALLOC, fd => check(bridge.pin(fd, join(path, 'map')), 'pin a map in', path))
    return `${bpffs}, writable`
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}
