// SPDX-License-Identifier: Apache-2.0
/** Which devices get the XDP program, in which mode, and what is said of the others; others' programs stay. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Config } from '../../agent/config.ts'
import { bridge } from '../../agent/kernel/bridge.ts'
import { type Device, listDevices } from '../../agent/kernel/devices.ts'
import { MAPS, Xdp } from '../../agent/kernel/layout.gen.ts'
import { openMap } from '../../agent/kernel/maps.ts'
import { loadObject } from '../../agent/kernel/objects.ts'
import { detachOtherXdp, listXdp } from '../../agent/kernel/xdp.ts'
import { xdpText } from '../../agent/reconcile/xdp-text.ts'
import { wantedXdp, xdpUplinks } from '../../agent/reconcile/xdp-uplinks.ts'
import { workspace } from '../kernel/workspace.ts'
import { inOwnNetwork, run } from '../own-network.ts'

if (inOwnNetwork(import.meta.filename)) tests()

/** What the kernel says is on a device: "xdp xdp_uplink". */
function onDevice(name: string): string {
  const [link] = JSON.parse(run('ip', '-j', '-d', 'link', 'show', 'dev', name)) as [
    { xdp?: { mode: number; prog: { name: string } } },
  ]
  return link.xdp ? `${link.xdp.mode === 1 ? 'native' : 'generic'} ${link.xdp.prog.name}` : 'none'
}

function tests(): void {
  t.test('auto is native where checksums are whole', async t => {
    for (const [kind, bus, xdp] of [
      ['', 'pci', Xdp.NATIVE],
      ['', 'virtio', Xdp.NATIVE],
      ['', '', Xdp.NATIVE],
      ['', 'xen', Xdp.UNFIT],
      ['', 'vmbus', Xdp.UNFIT],
      ['veth', '', Xdp.UNFIT],
      ['vlan', '', Xdp.UNFIT],
      ['bridge', '', Xdp.UNFIT],
      ['bond', '', Xdp.UNFIT],
      ['vxlan', '', Xdp.UNFIT],
    ] as const)
      t.equal(wantedXdp('auto', { kind, bus }), xdp, `${kind} ${bus}`)
    t.equal(wantedXdp('native', { kind: 'veth', bus: '' }), Xdp.NATIVE)
    t.equal(wantedXdp('native', { kind: 'bond', bus: '' }), Xdp.UNFIT, 'its ports run the program')
    t.equal(wantedXdp('generic', { kind: 'bond', bus: '' }), Xdp.GENERIC)
    t.equal(wantedXdp('off', { kind: '', bus: 'pci' }), Xdp.OFF)
  })

  const { folder } = workspace()
  const settings = { eventSample: 0, netnsCookie: 0n }
  const sizes = {
    flows: 1024,
    affinity: 1024,
    frontends: 1024,
    backends: 1024,
    tables: 1024,
    services: 1024,
    counters: 1024,
  }
  const file = join(import.meta.dirname, '../../bpf/build/xdp.bpf.o')
  const object = loadObject({ file, folder, settings, sizes })
  const programs = { native: object.programFd('xdp_uplink'), generic: object.programFd('xdp_uplink_linear') }
  const uplinks = openMap(MAPS.uplinks, object.mapFd('uplinks'))
  t.teardown(() => {
    detachOtherXdp(folder, new Set())
    uplinks.close()
    object.close()
  })

  const device = (name: string): Device => listDevices().find(found => found.name === name)!
  /** As an agent that starts. */
  const agent = (mode: Config['xdp']) =>
    xdpUplinks({ folder, mode, dataplane: { uplinks }, programFd: way => programs[way] })
  const said = (name: string) => xdpText(uplinks.lookup(device(name).ifindex)!)
  const none = { ipv4: Buffer.alloc(16), ipv6: Buffer.alloc(16), mac: Buffer.alloc(6), xdp: Xdp.OFF, error: 0 }
  function serves(t: Test, mode: Config['xdp'], on: string, text: string): void {
    agent(mode).sync([device('ek-a')])
    t.equal(onDevice('ek-a'), on, `${mode}: on the device`)
    t.equal(said('ek-a'), text, `${mode}: in ek_uplinks`)
  }

  t.beforeEach(() => {
    run('ip', 'link', 'add', 'ek-a', 'type', 'veth', 'peer', 'name', 'ek-b')
    run('ip', 'link', 'set', 'ek-a', 'up')
    uplinks.update(device('ek-a').ifindex, none)
  })
  t.afterEach(() => {
    if (device('ek-a') !== undefined) run('ip', 'link', 'del', 'ek-a')
    detachOtherXdp(folder, new Set())
  })

  t.test('one mode takes the place of another', async t => {
    const unfit = 'off: a device of this kind may hand over packets with unfinished checksums'
    serves(t, 'auto', 'none', unfit)
    serves(t, 'native', 'native xdp_uplink', 'native')
    serves(t, 'generic', 'generic xdp_uplink_line', 'generic')
    serves(t, 'native', 'native xdp_uplink', 'native')
    serves(t, 'off', 'none', 'off: by configuration')
    serves(t, 'generic', 'generic xdp_uplink_line', 'generic')
    serves(t, 'auto', 'none', unfit)
  })

  t.test('a restart changes the program in place', async t => {
    agent('native').sync([device('ek-a')])
    const link = () => bridge.openPinned(join(folder.links, `xdp_native_${device('ek-a').ifindex}`))
    const before = bridge.linkInfo(link())
    agent('native').sync([device('ek-a')])
    t.same(bridge.linkInfo(link()), before, 'the link is the same')
    t.same(
      listXdp(folder).map(({ mode }) => mode),
      ['native'],
    )
  })

  t.test('a device that is no uplink any more has none', async t => {
    const one = agent('native')
    one.sync([device('ek-a')])
    one.sync([])
    t.equal(onDevice('ek-a'), 'none')
    one.sync([device('ek-a')])
    t.equal(onDevice('ek-a'), 'native xdp_uplink', 'and again')
  })

  t.test("somebody else's program stays", async t => {
    const { ifindex } = device('ek-a')
    const theirs = bridge.attachXdp(programs.generic, ifindex, 4)
    t.ok(theirs > 0)
    for (const mode of ['native', 'generic'] as const)
      serves(t, mode, 'native xdp_uplink_line', 'off: the device has an XDP program of somebody else')
    serves(t, 'off', 'native xdp_uplink_line', 'off: by configuration')
    detachOtherXdp(folder, new Set())
    t.equal(onDevice('ek-a'), 'native xdp_uplink_line', 'cleanup, too')
    const one = agent('native')
    one.sync([device('ek-a')])
    bridge.close(theirs)
    one.sync([device('ek-a')])
    t.equal(onDevice('ek-a'), 'native xdp_uplink', 'when it is gone, ours comes')
  })

  t.test('what a driver refuses is told', async t => {
    run('ip', 'link', 'add', 'ek-d', 'type', 'bridge')
    uplinks.update(device('ek-d').ifindex, none)
    const [line] = agent('native').sync([device('ek-d')])
    t.equal(said('ek-d'), 'off: the driver refused: ENOTSUP')
    t.match(line, /^ek-d: off: the driver refused: ENOTSUP \(attach native XDP to device/)
    run('ip', 'link', 'del', 'ek-d')
  })

  t.test('a device that is gone leaves no link behind', async t => {
    const one = agent('native')
    one.sync([device('ek-a')])
    const { ifindex } = device('ek-a')
    run('ip', 'link', 'del', 'ek-a')
    one.sync([])
    t.same(listXdp(folder), [])
    run('ip', 'link', 'add', 'ek-a', 'index', String(ifindex), 'type', 'veth', 'peer', 'name', 'ek-b')
    one.sync([device('ek-a')])
    t.equal(onDevice('ek-a'), 'native xdp_uplink', 'another one with its index is served')
  })
}
