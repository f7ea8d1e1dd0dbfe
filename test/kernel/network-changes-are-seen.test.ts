// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { addressBytes, addressText } from '../../agent/kernel/address.ts'
import { listAddresses, listDevices, listRoutes } from '../../agent/kernel/devices.ts'
import { type Network, watchNetwork } from '../../agent/kernel/network.ts'
import { inOwnNetwork, ip } from '../own-network.ts'

/** What iproute2 says, as JSON. */
function asked(...args: readonly string[]): readonly Record<string, unknown>[] {
  return JSON.parse(ip('-j', '-d', ...args))
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (condition()) return
    await sleep(10)
  }
  throw new Error(`waited for ${what}`)
}

function watch(routes = false) {
  let calls = 0
  const errors: Error[] = []
  const onChange = () => void calls++
  const watching = watchNetwork({ routes, onChange, onError: error => errors.push(error) })
  const named = (name: string) => [...watching.current().devices.values()].find(device => device.name === name)
  return { ...watching, errors, named, calls: () => calls }
}

function same(t: Test, network: Network): void {
  const devices = (list: ReturnType<typeof listDevices>) => [...list].sort((a, b) => a.ifindex - b.ifindex)
  t.same(devices([...network.devices.values()]), devices(listDevices()))
  const addresses = (list: readonly { readonly ifindex: number; readonly address: string }[]) =>
    list.map(({ ifindex, address }) => `${ifindex} ${address}`).sort()
  t.same(addresses(network.addresses), addresses(listAddresses()))
}

function tests(): void {
  t.test('a veth pair, its addresses and its state come and go', async t => {
    const network = watch()
    ip('link', 'add', 'ek-a', 'type', 'veth', 'peer', 'name', 'ek-b')
    await until(() => network.named('ek-b') !== undefined, 'the veth pair')
    t.match(network.named('ek-a'), {
      kind: 'veth',
      mtu: 1500,
      up: false,
      loopback: false,
      peerIndex: network.named('ek-b')?.ifindex,
    })
    ip('link', 'set', 'ek-a', 'up')
    await until(() => network.named('ek-a')?.up === true, 'the device to be up')
    ip('address', 'add', '192.0.2.1/24', 'dev', 'ek-a')
    ip('address', 'add', '2001:db8:0:0::1/64', 'dev', 'ek-a', 'nodad')
    await until(() => network.current().addresses.length === 2, 'two addresses')
    const { ifindex } = network.named('ek-a') ?? { ifindex: 0 }
    t.match(network.current().addresses, [
      { ifindex, address: '192.0.2.1', prefix: 24, scope: 0, bytes: Uint8Array.from([192, 0, 2, 1]) },
      { ifindex, address: '2001:db8::1', prefix: 64, scope: 0, tentative: false },
    ])
    ip('address', 'del', '192.0.2.1/24', 'dev', 'ek-a')
    await until(() => network.current().addresses.length === 1, 'the address to go')
    ip('link', 'del', 'ek-a')
    await until(() => network.named('ek-a') === undefined && network.named('ek-b') === undefined, 'the pair to go')
    await until(() => network.current().addresses.length === 0, 'its address to go')
    same(t, network.current())
    network.stop()
    network.stop()
    t.same(network.errors, [])
  })

  t.test('a port that leaves its bridge is still a device, with its addresses', async t => {
    const network = watch()
    ip('link', 'add', 'ek-br', 'type', 'bridge')
    ip('link', 'add', 'ek-p', 'type', 'veth', 'peer', 'name', 'ek-q')
    ip('address', 'add', '192.0.2.1/24', 'dev', 'ek-p')
    ip('link', 'set', 'ek-p', 'master', 'ek-br')
    await until(() => network.named('ek-p')?.masterIndex !== undefined, 'the port to join')
    t.equal(network.named('ek-p')?.masterIndex, network.named('ek-br')?.ifindex)
    ip('link', 'set', 'ek-p', 'nomaster')
    await until(() => network.named('ek-p')?.masterIndex === undefined, 'the port to leave')
    await sleep(50)
    t.equal(network.named('ek-p')?.kind, 'veth')
    t.match(network.current().addresses, [{ address: '192.0.2.1' }])
    ip('link', 'del', 'ek-p')
    ip('link', 'del', 'ek-br')
    network.stop()
  })

  t.test('notifications that were lost are made good by listing everything again', async t => {
    const network = watch()
    // Synchronous: the event loop can't receive meanwhile, and a socket holds some ninety.
    const batch = Array.from({ length: 150 }, (_, i) => `link add ek-${i} type veth peer name ek-${i}p`).join('\n')
    execFileSync('ip', ['-batch', '-'], { input: `${batch}\nlink set ek-7 up\n` })
    await until(() => network.named('ek-149') !== undefined, 'the last device')
    same(t, network.current())
    t.equal(network.named('ek-7')?.up, true)
    t.ok(network.calls() < 50, `${network.calls()} calls for 600 notifications`)
    const gone = Array.from({ length: 150 }, (_, i) => `link del ek-${i}`).join('\n')
    execFileSync('ip', ['-batch', '-'], { input: gone })
    await until(() => network.named('ek-149') === undefined, 'the last device to go')
    same(t, network.current())
    network.stop()
    t.same(network.errors, [])
  })

  t.test('routes come, are replaced and go', async t => {
    const network = watch(true)
    ip('link', 'add', 'ek-r', 'type', 'veth', 'peer', 'name', 'ek-s')
    ip('link', 'set', 'ek-r', 'up')
    ip('link', 'set', 'ek-s', 'up')
    ip('address', 'add', '192.0.2.1/24', 'dev', 'ek-r')
    ip('route', 'add', '198.51.100.0/24', 'via', '192.0.2.9', 'metric', '5')
    const route = () => network.current().routes.find(({ destination }) => destination === '198.51.100.0')
    await until(() => route() !== undefined, 'the route')
    t.match(route(), { prefix: 24, gateway: '192.0.2.9', table: 254, type: 1, metric: 5 })
    ip('route', 'replace', '198.51.100.0/24', 'via', '192.0.2.10', 'metric', '5')
    await until(() => route()?.gateway === '192.0.2.10', 'the other gateway')
    t.equal(network.current().routes.filter(({ destination }) => destination === '198.51.100.0').length, 1)
    ip('link', 'del', 'ek-r')
    await until(() => route() === undefined, 'the route to go')
    t.same(network.current().routes, listRoutes())
    network.stop()
  })

  t.test('the lists are those of iproute2', async t => {
    ip('link', 'add', 'ek-v', 'type', 'veth', 'peer', 'name', 'ek-w')
    ip('link', 'add', 'ek-br', 'type', 'bridge')
    ip('address', 'add', '192.0.2.1', 'peer', '192.0.2.2/32', 'dev', 'ek-v')
    const theirs = asked('link').map(link => {
      const info = (link.linkinfo ?? {}) as Record<string, unknown>
      return {
        ifindex: link.ifindex,
        name: link.ifname,
        kind: info.info_kind ?? '',
        mtu: link.mtu,
        mac: link.address ?? '',
      }
    })
    t.same(
      listDevices().map(({ ifindex, name, kind, mtu, mac }) => ({ ifindex, name, kind, mtu, mac })),
      theirs,
    )
    const locals = asked('address').flatMap(link =>
      (link.addr_info as Record<string, unknown>[]).map(({ local }) => local),
    )
    t.same(
      listAddresses()
        .map(({ address }) => address)
        .sort(),
      locals.sort(),
    )
    ip('link', 'del', 'ek-v')
    ip('link', 'del', 'ek-br')
  })

  t.test('addresses as text and as bytes', async t => {
    for (const text of ['0.0.0.0', '10.0.0.1', '255.255.255.255', '::', '::1', '2001:db8::1', 'fe80::1:0:0:1'])
      t.equal(addressText(addressBytes(text)), text)
    t.equal(addressText(addressBytes('::ffff:10.0.0.1')), '10.0.0.1')
    t.equal(addressText(addressBytes('2001:DB8:0:0:1:0:0:1')), '2001:db8::1:0:0:1')
    for (const text of ['', '10.0.0', '10.0.0.256', '10.0.0.1/8', 'fe80::1%eth0', '::g', '1::2::3', '10', 'localhost'])
      t.throws(() => addressBytes(text), { name: 'RangeError', message: /is not an IPv4 or IPv6 address/ }, text)
  })
}

if (inOwnNetwork(import.meta.filename)) tests()
