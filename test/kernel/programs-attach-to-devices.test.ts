// SPDX-License-Identifier: Apache-2.0
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import {
  attachTc,
  type Direction,
  detachTc,
  HANDLE,
  listAttachments,
  PRIORITY,
  removeStaleLinks,
} from '../../agent/kernel/attach.ts'
import { bridge } from '../../agent/kernel/bridge.ts'
import { listDevices } from '../../agent/kernel/devices.ts'
import { check, checkValue } from '../../agent/kernel/errno.ts'
import { makePinFolder, type PinFolder } from '../../agent/kernel/pins.ts'
import { inOwnNetwork, run } from '../own-network.ts'
import { workspace } from './workspace.ts'

const SOURCE = `#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
SEC("tc") int ek_passes(struct __sk_buff *skb) { return TC_ACT_UNSPEC; }
SEC("tc") int ek_drops(struct __sk_buff *skb) { return TC_ACT_SHOT; }
SEC("tc") int of_others(struct __sk_buff *skb) { return TC_ACT_UNSPEC; }
char LICENSE[] SEC("license") = "GPL";
`

/** Names of the programs that tc says are on the device, with their handles. */
function filtersOn(device: string, direction: Direction): string[] {
  const lines = run('tc', 'filter', 'show', 'dev', device, direction)
  return [...lines.matchAll(/handle (0x[0-9a-f]+) (\w+)/g)].map(([, handle, name]) => `${name} ${handle}`)
}

/** Names of the programs of pinned links, by bpftool: the version at hand does not show tcx links by device. */
function linksOn(folder: PinFolder, ifindex: number, direction: Direction): string[] {
  const ours = listAttachments(folder).filter(item => item.kind === 'tcx' && item.ifindex === ifindex)
  const ids = ours.filter(item => item.direction === direction).map(item => String(item.programId))
  return ids.map(id => JSON.parse(run('bpftool', '-j', 'prog', 'show', 'id', id)).name)
}

/** Whether a datagram over loopback arrives. */
async function arrives(): Promise<boolean> {
  const receiver = createSocket('udp4')
  const sender = createSocket('udp4')
  const bound = once(receiver, 'listening')
  receiver.bind(0, '127.0.0.1')
  await bound
  const message = once(receiver, 'message').then(() => true)
  sender.send('hello', receiver.address().port, '127.0.0.1')
  const arrived = await Promise.race([message, sleep(500).then(() => false)])
  receiver.close()
  sender.close()
  return arrived
}

function tests(): void {
  const { bpffs, folder, compile } = workspace()
  makePinFolder(folder)
  const file = compile('attach', SOURCE)
  const object = checkValue(bridge.objectOpen(readFileSync(file), 'attach'), 'open', file)
  check(bridge.objectLoad(object).errno, 'load', file)
  const fd = (name: string) => check(bridge.objectProgramFd(object, name), 'open', name)
  const programs = { passes: fd('ek_passes'), drops: fd('ek_drops'), others: fd('of_others') }
  const id = (program: number) => checkValue(bridge.programInfo(program), 'ask about', 'program').id
  const attached = (name: string, direction: Direction) => [
    ...linksOn(folder, index(name), direction),
    ...filtersOn(name, direction),
  ]
  const index = (name: string) => listDevices().find(device => device.name === name)?.ifindex ?? 0

  t.beforeEach(() => {
    run('ip', 'link', 'add', 'ek-a', 'type', 'veth', 'peer', 'name', 'ek-b')
    run('ip', 'link', 'set', 'ek-a', 'up')
  })
  t.afterEach(() => {
    if (index('ek-a') !== 0) run('ip', 'link', 'del', 'ek-a')
    removeStaleLinks(folder)
  })

  for (const kind of ['tcx', 'clsact'] as const)
    t.test(`${kind}: attached, kept, changed in place, listed and detached`, async t => {
      const place = { folder, ifindex: index('ek-a'), kind }
      const suffix = kind === 'clsact' ? ` 0x${HANDLE.toString(16)}` : ''
      for (const direction of ['ingress', 'egress'] as const) {
        t.equal(attachTc({ ...place, direction, programFd: programs.passes }), 'attached')
        t.equal(attachTc({ ...place, direction, programFd: programs.passes }), 'kept')
        t.same(attached('ek-a', direction), [`ek_passes${suffix}`])
        t.equal(attachTc({ ...place, direction, programFd: programs.drops }), 'updated')
        t.same(attached('ek-a', direction), [`ek_drops${suffix}`])
      }
      const programId = id(programs.drops)
      const { ifindex } = place
      const listed = listAttachments(folder).sort((a, b) => (a.direction < b.direction ? -1 : 1))
      t.same(listed, [
        { kind, ifindex, direction: 'egress', programId },
        { kind, ifindex, direction: 'ingress', programId },
      ])
      for (const direction of ['ingress', 'egress'] as const) {
        t.equal(detachTc(folder, ifindex, direction), true)
        t.equal(detachTc(folder, ifindex, direction), false)
        t.same(attached('ek-a', direction), [])
      }
      t.same(listAttachments(folder), [])
    })

  t.test('without being asked for a kind, this kernel gets a tcx link, which is pinned', async t => {
    const ifindex = index('ek-a')
    attachTc({ folder, ifindex, direction: 'ingress', programFd: programs.passes })
    t.match(listAttachments(folder), [{ kind: 'tcx' }])
    t.ok(existsSync(join(folder.links, `tc_ingress_${ifindex}`)))
    t.ok(folder.links.startsWith(bpffs))
  })

  t.test('programs and filters of others stay', async t => {
    const ifindex = index('ek-a')
    const link = check(bridge.attachTcx(programs.others, ifindex, 46), 'attach', 'others')
    check(bridge.attachClsact(programs.others, ifindex, false, PRIORITY, HANDLE + 1), 'attach', 'others')
    check(bridge.attachClsact(programs.others, ifindex, false, 1, HANDLE), 'attach', 'others')
    const before = attached('ek-a', 'ingress')
    t.equal(before.length, 2)
    for (const kind of ['tcx', 'clsact'] as const)
      attachTc({ folder, ifindex, direction: 'ingress', programFd: programs.passes, kind })
    t.equal(attached('ek-a', 'ingress').length, 4)
    t.equal(detachTc(folder, ifindex, 'ingress'), true)
    t.same(attached('ek-a', 'ingress').sort(), before.sort())
    t.equal(checkValue(bridge.linkInfo(link), 'ask about', 'link').ifindex, ifindex)
    bridge.close(link)
  })

  for (const kind of ['tcx', 'clsact'] as const)
    t.test(`${kind}: the program decides about packets at once`, async t => {
      run('ip', 'link', 'set', 'lo', 'up')
      const place = { folder, ifindex: index('lo'), direction: 'egress', kind } as const
      t.equal(await arrives(), true)
      attachTc({ ...place, programFd: programs.drops })
      t.equal(await arrives(), false)
      attachTc({ ...place, programFd: programs.passes })
      t.equal(await arrives(), true)
      attachTc({ ...place, programFd: programs.drops })
      detachTc(folder, place.ifindex, 'egress')
      t.equal(await arrives(), true)
    })

  t.test('the link of a device that is gone is stale, and makes way for a device with the same index', async t => {
    const ifindex = index('ek-a')
    const request = { folder, ifindex, direction: 'ingress', programFd: programs.passes } as const
    attachTc(request)
    run('ip', 'link', 'del', 'ek-a')
    t.match(listAttachments(folder), [{ ifindex: 0 }])
    run('ip', 'link', 'add', 'ek-a', 'index', String(ifindex), 'type', 'veth', 'peer', 'name', 'ek-b')
    t.equal(attachTc(request), 'attached')
    t.same(attached('ek-a', 'ingress'), ['ek_passes'])
    run('ip', 'link', 'del', 'ek-a')
    t.equal(removeStaleLinks(folder), 1)
    t.same(listAttachments(folder), [])
  })

  t.test('a device that is not there is an error that names it', async t => {
    const request = { folder, ifindex: 9999, direction: 'ingress', programFd: programs.passes } as const
    t.throws(() => attachTc(request), { name: 'KernelError', message: /attach tcx ingress to device 9999: .*ENODEV/ })
    t.throws(() => attachTc({ ...request, kind: 'clsact' }), { name: 'KernelError', message: /device 9999/ })
  })
}

if (inOwnNetwork(import.meta.filename)) tests()
