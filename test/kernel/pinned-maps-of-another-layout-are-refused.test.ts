// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { check, checkValue } from '../../agent/kernel/errno.ts'
import { MAPS } from '../../agent/kernel/layout.gen.ts'
import { openMap } from '../../agent/kernel/maps.ts'
import { type LoadRequest, loadObject } from '../../agent/kernel/objects.ts'
import { makePinFolder, openPinnedMap, pinFolder, pinMap, removePinFolder } from '../../agent/kernel/pins.ts'
import { BUILT, makeMap, workspace } from './workspace.ts'

const space = workspace()
const { folder } = space
const request: LoadRequest = {
  file: BUILT.tc,
  folder,
  settings: { eventSample: 0, netnsCookie: 0n },
  sizes: { flows: 1024, tables: 1024 },
}
const headers = ['maps.h', 'types.h'].map(file => readFileSync(new URL(`../../bpf/${file}`, import.meta.url), 'utf8'))

/** Loads an object whose types.h or maps.h an earlier version might have had, and pins one of its maps. */
function pinEarlier(name: string, map: string, from: string | RegExp, to: string): void {
  const earlier = headers
    .map(text => text.replace(/#include "types.h"/, '').replace(from, to))
    .reverse()
    .join('\n')
  if (
    earlier ===
    headers
      .map(text => text.replace(/#include "types.h"/, ''))
      .reverse()
      .join('\n')
  )
    throw new Error(`no ${from}`)
  const program = 'SEC("tc") int nothing(struct __sk_buff *skb) { return 0; }\nchar LICENSE[] SEC("license") = "GPL";\n'
  const file = space.compile(name, `#include <stdbool.h>\n#include <linux/bpf.h>\n${earlier}\n${program}`)
  const object = checkValue(bridge.objectOpen(readFileSync(file), name), 'open', file)
  check(bridge.objectSetMaxEntries(object, 'ek_tables', 8), 'size', 'ek_tables')
  const { errno, log } = bridge.objectLoad(object)
  if (errno < 0) throw new Error(log)
  const fd = check(bridge.objectMapFd(object, map), 'open', map)
  makePinFolder(folder)
  pinMap(folder, map, fd)
  bridge.close(fd)
  bridge.objectClose(object)
}

t.afterEach(() => removePinFolder(folder))

const CASES = [
  {
    name: 'another type of a field',
    map: 'ek_affinity',
    from: '__u64 used;',
    to: 'struct { __u32 used; __u32 how; };',
    message: /ek_affinity.*its value has field "used", a u32 at byte 8 in place of field "used", a u64 at byte 8/,
  },
  {
    name: 'another name of a field of the same size',
    map: 'ek_frontends',
    from: '__u8 scope; /* enum ek_scope */',
    to: '__u8 zone;',
    message: /ek_frontends.*its key has field "zone", a u8 at byte 19 in place of field "scope", a u8 at byte 19/,
  },
  {
    name: 'another byte order of a field',
    map: 'ek_fragments',
    from: '__be32 id;',
    to: '__u32 id;',
    message: /its key has field "id", a u32 at byte 32 in place of field "id", a be32 at byte 32/,
  },
  {
    name: 'a field less',
    map: 'ek_services',
    from: 'char name[EK_NAME_SIZE];',
    to: 'char name[100];',
    message: /its value has field "name", a char\[100\] at byte 0 in place of field "name", a char\[208\]/,
  },
]

for (const { name, map, from, to, message } of CASES)
  t.test(`a pinned map with ${name} is refused, and the field is named`, async t => {
    pinEarlier('earlier', map, from, to)
    t.throws(() => loadObject(request), { name: 'MismatchError', message })
    t.throws(() => loadObject(request), { message: /start the agent of this one, which takes over what it can/ })
  })

t.test('a pinned map of another kind, or without BTF, is refused', async t => {
  makePinFolder(folder)
  const { nodeAddrs } = MAPS
  const pin = (change: object) => {
    const fd = makeMap({ ...nodeAddrs, ...change })
    pinMap(folder, nodeAddrs.name, fd)
    bridge.close(fd)
  }
  pin({ type: 9, flags: 0 })
  t.throws(() => openPinnedMap(folder, nodeAddrs), /its type is 9 in place of 1 \(hash\)/)
  removePinFolder(folder)
  makePinFolder(folder)
  pin({ flags: 0 })
  t.throws(() => openPinnedMap(folder, nodeAddrs), /its flags are 0x0 in place of 0x1/)
  removePinFolder(folder)
  makePinFolder(folder)
  pin({})
  t.throws(() => openPinnedMap(folder, nodeAddrs), /it has no BTF/)
})

t.test('pinned maps of the same layout are taken over with what they hold', async t => {
  const first = loadObject(request)
  t.ok(first.made.includes('services') && first.made.includes('flows'), 'made now')
  const before = openMap(MAPS.services, first.mapFd('services'))
  before.update(3, { name: 'default/web:http/TCP' })
  before.close()
  first.close()
  const second = loadObject(request)
  t.same([second.made, second.notes], [[], []])
  const after = openMap(MAPS.services, second.mapFd('services'))
  t.same([...after.entries()], [[3, { name: 'default/web:http/TCP' }]])
  after.close()
  second.close()
})

t.test('a pinned map keeps its size, unless it is too small', async t => {
  loadObject(request).close()
  const object = loadObject({ ...request, sizes: { ...request.sizes, flows: 4096 } })
  t.match(object.notes, [/ek_flows is pinned and keeps its size of 1024 elements, not 4096/])
  object.close()
  t.throws(() => loadObject({ ...request, needed: { flows: 1025 } }), {
    name: 'MismatchError',
    message: /ek_flows has room for 1024 elements, 1025 are needed. Remove it/,
  })
})

t.test('maps are kept on a bpffs only', async t => {
  const elsewhere = pinFolder(join(space.path, 'not-there'))
  t.throws(() => loadObject({ ...request, folder: elsewhere }), {
    name: 'MismatchError',
    message: /is not on a bpffs: name a folder of one as bpffs, most often \/sys\/fs\/bpf$/,
  })
})
