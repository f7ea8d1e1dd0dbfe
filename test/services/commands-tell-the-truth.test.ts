// SPDX-License-Identifier: Apache-2.0
import type { LiveFlow } from '../../agent/cli/flows.ts'
import type { LiveService } from '../../agent/cli/services.ts'
import type { Status } from '../../agent/cli/status.ts'
import { failed } from '../../lab/command.ts'
import { BACKENDS, type Cluster, prove, type Test } from './fixture.ts'
import { FAMILIES, service, sticky, vip } from './manifests.ts'
import { dialOn } from './outcomes.ts'

const CONNECTIONS = 6

async function run<T>({ lab }: Cluster, where: string, ...argv: readonly string[]): Promise<T> {
  const result = await lab.exec(where, ['evenkeel', ...argv, '-o', 'json'])
  if (result.code !== 0) throw failed(`evenkeel ${argv.join(' ')}`, result)
  return JSON.parse(result.stdout)
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

async function services(t: Test, cluster: Cluster): Promise<void> {
  const { lab } = cluster
  const count = 30
  await lab.dial('client', { protocol: 'http', address: vip(), port: 80, count })
  await lab.dial('client', { protocol: 'udp', address: vip(1, 'IPv6'), port: 80, count })
  const found = await run<LiveService[]>(cluster, 'node1', 'services')
  t.equal(found.length, 8, 'two Services of two ports and two families')
  for (const family of FAMILIES) {
    const backends = BACKENDS.map(pod => `${bracketed(lab.address(pod, family))}:9376`)
    const rows = found.filter(({ frontend }) => frontend.startsWith(bracketed(vip(1, family))))
    for (const protocol of ['TCP', 'UDP']) {
      const [row] = rows.filter(({ frontend }) => frontend.endsWith(`:80/${protocol}`))
      t.same(row?.backends.toSorted(), backends, `${row?.frontend} has the pods that serve`)
      t.match(row, { connections: count, affinitySeconds: 0, rejected: 0 }, `and counts ${row?.connections}`)
    }
  }
  const kept = await run<LiveService[]>(cluster, 'node2', 'services', 'sticky')
  t.ok(kept.length === 4 && kept.every(row => row.affinitySeconds === 77), 'a filter finds Services by name')
}

/** Established TCP connections of a pod, as the kernel's sockets have them: own address, then the other's. */
async function sockets({ lab }: Cluster, pod: string): Promise<[string, string][]> {
  const { stdout } = await lab.exec(pod, ['ss', '-tnH', 'state', 'established'])
  const plain = (text = '') => text.replace(/\[::ffff:([\d.]+)\]/, '$1')
  const fields = stdout
    .split('\n')
    .filter(Boolean)
    .map(line => line.trim().split(/\s+/))
  return fields.map(([, , own, other]) => [plain(own), plain(other)])
}

function sorted(rows: readonly (readonly string[])[]): string[] {
  return rows.map(row => row.join(' ')).toSorted()
}

async function flows(t: Test, cluster: Cluster): Promise<void> {
  // For longer than it takes to look at them.
  const path = '/trickle/100000?seconds=60'
  const kinds = {
    protocol: 'http',
    port: 80,
    path,
    count: CONNECTIONS,
    parallel: CONNECTIONS,
    timeout: 60_000,
  } as const
  const running = FAMILIES.map(family => dialOn(cluster.lab, 'client', { ...kinds, address: vip(1, family) }))
  await open(cluster)
  const [ofClient, ...ofBackends] = await Promise.all(['client', ...BACKENDS].map(pod => sockets(cluster, pod)))
  const found = (await run<LiveFlow[]>(cluster, 'node1', 'flows')).filter(
    ({ state, protocol }) => state === 'established' && protocol === 'TCP',
  )
  for (const client of running) client.stop()
  await Promise.all(running.map(({ end }) => end))
  const peers = sorted(ofBackends.flat().map(([own, other]) => [other, own]))
  if (cluster.path === 'socket') {
    t.same(found, [], 'nothing is tracked per packet')
    t.same(sorted(ofClient ?? []), peers, 'sockets are connected to the backends themselves')
    return
  }
  t.same(
    sorted(found.map(({ client, frontend }) => [client, frontend])),
    sorted(ofClient ?? []),
    'as the client’s sockets',
  )
  t.same(sorted(found.map(({ client, backend }) => [client, backend])), peers, 'as the backends’ sockets')
}

/** Until the client has all its connections. */
async function open(cluster: Cluster): Promise<void> {
  for (let n = 0; n < 2 * CONNECTIONS; ) n = (await sockets(cluster, 'client')).length
}

async function status(t: Test, cluster: Cluster): Promise<void> {
  const { maps, programs } = await run<Status>(cluster, 'node1', 'status')
  const used = Object.fromEntries(maps.map(({ map, used }) => [map, used]))
  const tracked = await run<LiveFlow[]>(cluster, 'node1', 'flows')
  t.equal(used.ek_services, 4, 'Service ports')
  t.equal(used.ek_backends, 4 * BACKENDS.length * FAMILIES.length)
  t.equal(used.ek_flows, tracked.length * 2, 'two entries a flow')
  const uplinks = ['eth0']
  const devices = cluster.path === 'packet' ? [...uplinks, 'pod0', 'pod1', 'pod2', 'pod3'] : uplinks
  for (const direction of ['ingress', 'egress']) {
    const attached = programs.filter(program => program.direction === direction && program.device !== '')
    t.same(attached.map(({ device }) => device).toSorted(), devices, direction)
  }
}

prove(
  {
    'services shows frontends, their backends and how often they were dialled': services,
    'flows shows the connections that the sockets at both ends have': flows,
    'status counts what is in the maps, and names the devices': status,
  },
  { manifests: { web: [service()], sticky: [service({ name: 'sticky', number: 2, spec: sticky(77) })] } },
)
