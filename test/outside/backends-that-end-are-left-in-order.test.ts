// SPDX-License-Identifier: Apache-2.0
/** What clients outside see when a backend ends (semantics 3.4, 8), and when the Service does. */
import { FlowState, Reason } from '../../agent/kernel/layout.gen.ts'
import { changeObject } from '../cluster.ts'
import { eventually } from '../eventually.ts'
import { type Cluster, FAMILIES, PROTOCOLS, prove, type Test } from '../uplink/fixture.ts'
import { service } from '../uplink/manifests.ts'

const CLUSTER = 30_840
const LOCAL = 30_850
const SHORT = 30_860
const TRANSFER = 400_000

const local = { externalTrafficPolicy: 'Local' }
const manifests = {
  cluster: [service({ name: 'cluster', nodePort: CLUSTER })],
  local: [service({ name: 'local', nodePort: LOCAL, spec: local })],
  short: [service({ name: 'short', nodePort: SHORT, selector: { pod: 'here' } })],
}

interface PodState {
  readonly terminating?: boolean
  readonly ready?: boolean
}

async function become({ lab }: Cluster, pod: string, { terminating = false, ready = true }: PodState): Promise<void> {
  const deletionTimestamp = terminating ? new Date().toISOString() : undefined
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }]
  await changeObject(lab.podFile(pod), ({ metadata, status, ...pod }) => ({
    ...pod,
    metadata: { ...metadata, deletionTimestamp },
    status: { ...status, conditions },
  }))
}

/** Dials until the answers are those that were asked for. */
async function answeredBy(t: Test, cluster: Cluster, port: number, pods: readonly string[], what: string) {
  const who = async (i: number, family: (typeof FAMILIES)[number]) => {
    const options = { protocol: PROTOCOLS[i]!, count: 12, timeout: 150, parallel: 12 }
    const outcomes = await cluster.dial(cluster.address('node1', family), port + i, options)
    return [...new Set(outcomes.map(({ pod, error }) => pod ?? error))].toSorted().join()
  }
  for (const family of FAMILIES)
    for (const i of PROTOCOLS.keys()) {
      const found = await eventually(async () => (await who(i, family)) === pods.join())
      t.ok(found, `${what}: ${PROTOCOLS[i]} over ${family}`)
    }
}

function established(cluster: Cluster, port: number): number {
  return cluster.look('node1', ({ flows }) =>
    [...flows.entries()].filter(([key, { state }]) => key.dport === port && state === FlowState.ESTABLISHED),
  ).length
}

prove(
  { manifests, config: { sweepSeconds: 1, timeouts: { closing: 1 } } },
  {
    'one that is terminating gets nothing new, and finishes what it has': async (t, cluster) => {
      const path = `/trickle/${TRANSFER}?seconds=5`
      const options = { protocol: 'http', address: cluster.address('node1'), port: CLUSTER, path } as const
      const transfers = cluster.lab.dial('outside', { ...options, count: 12, parallel: 12, timeout: 30_000 })
      t.ok(await eventually(async () => established(cluster, CLUSTER) >= 12), 'twelve transfers run')
      await become(cluster, 'here', { terminating: true })
      await answeredBy(t, cluster, CLUSTER, ['there'], 'policy Cluster: from the ready one')
      await answeredBy(t, cluster, LOCAL, ['here'], 'policy Local: from this node, though it is terminating')
      const done = await transfers
      t.same(new Set(done.map(({ pod }) => pod)), new Set(['here', 'there']), 'both had some')
      t.same(
        done.map(({ bytes, error }) => error ?? bytes),
        Array(12).fill(TRANSFER),
        'all came whole',
      )
    },
    'when all are terminating, those that still serve stand in': async (t, cluster) => {
      await become(cluster, 'there', { terminating: true })
      await answeredBy(t, cluster, CLUSTER, ['here', 'there'], 'policy Cluster')
      await answeredBy(t, cluster, LOCAL, ['here'], 'policy Local')
    },
    'one that serves no more: Local drops, Cluster goes elsewhere': async (t, cluster) => {
      await become(cluster, 'here', { terminating: true, ready: false })
      await answeredBy(t, cluster, CLUSTER, ['there'], 'policy Cluster')
      const before = cluster.rejected('node1', Reason.NO_LOCAL_ENDPOINTS)
      await answeredBy(t, cluster, LOCAL, ['ETIMEDOUT'], 'policy Local')
      t.ok(cluster.rejected('node1', Reason.NO_LOCAL_ENDPOINTS) > before, 'counted')
    },
    'nobody serves: refused at once, with either policy': async (t, cluster) => {
      await become(cluster, 'there', { terminating: true, ready: false })
      const refused = async (port: number) => {
        const options = { timeout: 1000 }
        const [outcome] = await cluster.dial(cluster.address('node1'), port, options)
        return outcome?.error === 'ECONNREFUSED' && outcome.ms < 500
      }
      for (const port of [CLUSTER, LOCAL]) t.ok(await eventually(() => refused(port)), `port ${port}`)
      await become(cluster, 'here', {})
      await become(cluster, 'there', {})
      await answeredBy(t, cluster, CLUSTER, ['here', 'there'], 'and served again')
    },
    'the next datagram of a client whose backend is gone reaches another one': async (t, cluster) => {
      for (const [from, to] of [
        ['here', 'there'],
        ['there', 'here'],
      ] as const)
        for (const family of FAMILIES) {
          const send = () =>
            cluster.dial(cluster.address('node1', family), SHORT + 1, {
              protocol: 'udp',
              localPort: 41_000,
              timeout: 300,
            })
          await cluster.put('short', service({ name: 'short', nodePort: SHORT, selector: { pod: from } }))
          t.ok(await eventually(async () => (await send())[0]?.pod === from), `${family}: ${from} answers`)
          await cluster.put('short', service({ name: 'short', nodePort: SHORT, selector: { pod: to } }))
          await cluster.settled(services => onlyBackend(services, 'default/short:udp', cluster.lab.address(to)))
          t.equal((await send())[0]?.pod, to, `${family}: then ${to}, from the same port`)
        }
    },
    'a SYN from the port of a connection that has just ended begins a new one': async (t, cluster) => {
      for (const [i, pod] of (['here', 'there', 'here', 'there'] as const).entries()) {
        await cluster.put('short', service({ name: 'short', nodePort: SHORT, selector: { pod } }))
        await cluster.settled(services => onlyBackend(services, 'default/short:http', cluster.lab.address(pod)))
        for (const family of FAMILIES) {
          const options = { localPort: 42_000, timeout: 900 }
          const [outcome] = await cluster.dial(cluster.address('node1', family), SHORT, options)
          t.equal(outcome?.pod ?? outcome?.error, pod, `round ${i}, ${family}`)
        }
      }
    },
    'a Service that is removed leaves nothing behind': async (t, cluster) => {
      t.ok(entries(cluster) > 0, 'there are flows and frontends')
      await cluster.remove('short')
      t.ok(await eventually(async () => entries(cluster) === 0), `${entries(cluster)} entries are left`)
    },
  },
)

function onlyBackend(
  services: Parameters<Parameters<Cluster['settled']>[0]>[0],
  name: string,
  address: string,
): boolean {
  const found = services.filter(({ service, frontend }) => service.startsWith(name) && !frontend.includes('['))
  return (
    found.length > 0 &&
    found.every(({ backends }) => backends.length === 1 && JSON.stringify(backends).includes(address))
  )
}

/** Of the Service short, on node1. */
function entries(cluster: Cluster): number {
  return cluster.look('node1', ({ services, flows, frontends }) => {
    const ids = new Set([...services.entries()].filter(([, { name }]) => name.includes('/short:')).map(([id]) => id))
    const mine = ({ service }: { readonly service: number }) => ids.has(service)
    const ports = [...flows.entries()].filter(([key]) => key.dport === SHORT || key.dport === SHORT + 1)
    return ids.size + ports.length + [...frontends.entries()].filter(([, value]) => mine(value)).length
  })
}
