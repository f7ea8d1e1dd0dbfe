// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { type Carrier, carrierOf } from '../../agent/kernel/carry.ts'
import { catchUp, copyMap } from '../../agent/kernel/copy-map.ts'
import { check, checkValue } from '../../agent/kernel/errno.ts'
import { type Affinity, affinityCodec, MAPS } from '../../agent/kernel/layout.gen.ts'
import { openMap, rawMap } from '../../agent/kernel/maps.ts'
import { makeMap, workspace } from './workspace.ts'

const space = workspace()
const headers = ['types.h', 'maps.h'].map(file => readFileSync(new URL(`../../bpf/${file}`, import.meta.url), 'utf8'))
const PROGRAM = 'SEC("tc") int nothing(struct __sk_buff *skb) { return 0; }\nchar LICENSE[] SEC("license") = "GPL";\n'

/** Descriptors of the maps of an object whose types.h or maps.h are others. */
function loadWith(name: string, from: string | RegExp, to: string): (map: string) => number {
  const [before, after] = [headers, headers.map(text => text.replace(from, to))].map(texts =>
    texts
      .join('\n')
      .replace('#include "types.h"', '')
      .replaceAll(/_Static_assert[^;]*;/g, ''),
  )
  if (before === after) throw new Error(`no ${from}`)
  const file = space.compile(name, `#include <linux/bpf.h>\n${after}\n${PROGRAM}`)
  const object = checkValue(bridge.objectOpen(readFileSync(file), name), 'open', file)
  for (const { name: map } of bridge.objectMaps(object).filter(({ maxEntries }) => maxEntries > 4096))
    if (map !== 'ek_events') check(bridge.objectSetMaxEntries(object, map, 64), 'size', map)
  const { errno, log } = bridge.objectLoad(object)
  if (errno < 0) throw new Error(log)
  return map => check(bridge.objectMapFd(object, map), 'open', map)
}

const infoOf = (fd: number) => checkValue(bridge.mapInfo(fd), 'ask', String(fd))

const REFUSED = [
  {
    name: 'a key that had one field more',
    map: 'affinity',
    from: '__u32 kind; /* enum ek_client_kind */',
    to: '__u32 kind; __u32 zone;',
    why: 'its key has a field "zone" that this version has not',
  },
  {
    name: 'a number that was wider',
    map: 'flows',
    from: /(struct ek_flow \{[^}]*)__u32 backend;/,
    to: '$1__u64 backend;',
    why: 'its value has field "backend" as u64, not u32',
  },
  {
    name: 'another byte order',
    map: 'fragments',
    from: '__be32 id;',
    to: '__u32 id;',
    why: 'its key has field "id" as u32, not be32',
  },
] as const

for (const { name, map, from, to, why } of REFUSED)
  t.test(`${name} can't be carried over, and the reason is told`, async t => {
    const fd = loadWith('refused', from, to)(MAPS[map].name)
    t.equal(carrierOf(infoOf(fd), MAPS[map]), why)
  })

t.test('a map without BTF, or of another kind, can not either', async t => {
  const { affinity, counters } = MAPS
  t.equal(carrierOf(infoOf(makeMap(affinity, 8)), affinity), 'it has no BTF, so nobody knows its fields')
  t.match(carrierOf(infoOf(makeMap({ ...counters, type: 2 }, 8)), counters), /its type is 2, not 6 \(percpu_array\)/)
})

/** ek_affinity with its fields in another order, one narrower, one lost, and one that nobody knows any more. */
const EARLIER = /struct ek_affinity \{[^}]*\};/
const EARLIER_TEXT = 'struct ek_affinity { __u64 used; __u64 forgotten; __u16 backend; __u16 zero; __u32 other; };'
const CLIENT = Buffer.alloc(24, 0xab)

function value(used: bigint, forgotten: bigint, backend: number): Buffer {
  const bytes = Buffer.alloc(24)
  bytes.writeBigUInt64LE(used, 0)
  bytes.writeBigUInt64LE(forgotten, 8)
  bytes.writeUInt16LE(backend, 16)
  return bytes
}

function key(client: number): Buffer {
  const bytes = Buffer.from(CLIENT)
  bytes.writeUInt32LE(client, 0)
  return bytes
}

function bothMaps() {
  const fd = loadWith('earlier', EARLIER, EARLIER_TEXT)('ek_affinity')
  const carrier = carrierOf(infoOf(fd), MAPS.affinity) as Carrier
  const info = infoOf(fd)
  const from = { ...rawMap({ ...MAPS.affinity, value: { size: info.valueSize } }, fd, {}, 1) }
  const newFd = makeMap(MAPS.affinity, 64)
  const to = rawMap(MAPS.affinity, newFd, {}, 1)
  const live = openMap(MAPS.affinity, newFd)
  const put = (client: number, bytes: Buffer) => check(bridge.mapUpdate(fd, key(client), bytes), 'update', 'old')
  const get = (client: number): Affinity | undefined => live.lookup(MAPS.affinity.key.decode(key(client)))
  const set = (client: number, v: Affinity) => live.update(MAPS.affinity.key.decode(key(client)), v)
  return { from, to, carrier, put, get, set, type: MAPS.affinity.type }
}

t.test('fields find their place by name; new ones are zero, lost ones go', async t => {
  const { from, to, carrier, put, get, type } = bothMaps()
  t.type(carrier, 'object', String(carrier))
  put(1, value(77n, 99n, 513))
  copyMap(from, to, carrier, type)
  t.same(get(1), { backend: 513, generation: 0, used: 77n })
  t.equal(affinityCodec.size, 16)
})

t.test('what the old map gets later is copied once more, and what is newer stays', async t => {
  const { from, to, carrier, put, get, set, type } = bothMaps()
  for (const client of [1, 2, 3]) put(client, value(1n, 0n, client))
  set(3, { backend: 33, generation: 1, used: 5n })
  let seen = copyMap(from, to, carrier, type)
  t.match(get(3), { backend: 33 }, 'an element that was there already stays')
  put(1, value(2n, 0n, 10))
  put(2, value(2n, 0n, 20))
  set(2, { backend: 22, generation: 1, used: 9n })
  put(4, value(2n, 0n, 40))
  seen = catchUp(from, to, carrier, type, seen)
  t.match([1, 2, 3, 4].map(get), [{ backend: 10 }, { backend: 22 }, { backend: 33 }, { backend: 40 }])
  put(4, value(3n, 0n, 41))
  catchUp(from, to, carrier, type, seen)
  t.match(get(4), { backend: 41, used: 3n }, 'and again')
})
