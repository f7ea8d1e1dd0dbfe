// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { parseElf } from '../../agent/kernel/elf.ts'
import { check, checkValue } from '../../agent/kernel/errno.ts'
import { decodeSettings, Masquerade, PROGRAMS } from '../../agent/kernel/layout.gen.ts'
import { type LoadRequest, loadObject } from '../../agent/kernel/objects.ts'
import { removePinFolder } from '../../agent/kernel/pins.ts'
import { BUILT, workspace } from './workspace.ts'

const space = workspace()
const request: LoadRequest = {
  file: BUILT.tc,
  folder: space.folder,
  settings: { eventSample: 12345, netnsCookie: 77n, masquerade: Masquerade.STRANGERS },
  sizes: { flows: 1024, tables: 1024, frontends: 77 },
}

t.afterEach(() => removePinFolder(space.folder))

t.test('settings are what the loaded program reads', async t => {
  const object = loadObject(request)
  const fd = object.programFd(PROGRAMS.tc[0].name)
  const { mapIds } = checkValue(bridge.programInfo(fd), 'ask about', 'program')
  const maps = mapIds.map(id => check(bridge.mapById(id), 'open', `map ${id}`))
  const rodata = maps.find(map => checkValue(bridge.mapInfo(map), 'ask about', 'map').name.endsWith('.rodata')) ?? -1
  const value = Buffer.alloc(checkValue(bridge.mapInfo(rodata), 'ask about', 'rodata').valueSize)
  check(bridge.mapLookup(rodata, Buffer.alloc(4), value), 'read', 'rodata')
  const at = parseElf(readFileSync(BUILT.tc), BUILT.tc).symbols.find(({ name }) => name === 'ek_settings')!.offset
  t.match(decodeSettings(value, at), request.settings)
  for (const open of [...maps, fd]) bridge.close(open)
  object.close()
})

t.test('a map that is made has the size that was asked for', async t => {
  const object = loadObject(request)
  const fd = object.mapFd('frontends')
  t.equal(checkValue(bridge.mapInfo(fd), 'ask about', 'frontends').maxEntries, 77)
  bridge.close(fd)
  object.close()
})

t.test('only the programs that were asked for are loaded', async t => {
  const [first, second] = PROGRAMS.tc.map(program => program.name)
  const object = loadObject({ ...request, programs: [first as string] })
  bridge.close(object.programFd(first as string))
  t.throws(() => object.programFd(second as string), { name: 'KernelError', message: new RegExp(String(second)) })
  object.close()
  t.throws(() => loadObject({ ...request, programs: ['nobody'] }), /has no program nobody. It has /)
})

const LICENSE = 'char LICENSE[] SEC("license") = "GPL";'

t.test("the end of the verifier's log is part of the error", async t => {
  const source = `#include "maps.h"
SEC("tc") int reads_wildly(struct __sk_buff *skb) { return *(volatile int *)(long)skb->data; }
${LICENSE}`
  const file = space.compile('wild', source)
  t.throws(() => loadObject({ ...request, file }), {
    name: 'KernelError',
    message: /load object wild: (.|\n)*EACCES(.|\n)*verifier(.|\n)*outside of the packet/,
  })
})

t.test('an object of another types.h is refused before it is loaded', async t => {
  const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct ek_service { char name[64]; };
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ek_service);
} ek_services SEC(".maps");
SEC("tc") int nothing(struct __sk_buff *skb) { return 0; }
${LICENSE}`
  const file = space.compile('stale', source)
  t.throws(() => loadObject({ ...request, file }), {
    name: 'MismatchError',
    message:
      /map ek_services of .*stale.bpf.o differs from layout.gen.ts: its value has field "name", a char\[64\].*Run make/,
  })
})
