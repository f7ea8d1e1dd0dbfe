// SPDX-License-Identifier: Apache-2.0
/**
 * Rolling replacement under load from outside: new pods come, old ones are terminating, drain, and are gone; then the same again while the
 * agents restart. New connections all the time, long ones beside them: none fails, with either external policy.
 */
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Dialled, DialOptions } from '../../lab/dial.ts'
import { changeMetadata } from '../services/manifests.ts'
import { type Cluster, FAMILIES, prove, type Test } from '../uplink/fixture.ts'
import { service } from '../uplink/manifests.ts'

const NODES = ['node1', 'node2'] as const
const PORTS = { Cluster: 30_900, Local: 30_910 } as const
const POLICIES = ['Cluster', 'Local'] as const
const PER_NODE = 2
/** A long connection's bytes and seconds: it must end within a backend's grace period. */
const LONG = { bytes: 60_000, seconds: 2 }
/** A terminating pod serves what it has for so long. */
const GRACE_MS = 2000
/** Until every node has seen a change. */
const FOLLOW_MS = 700

const manifests = Object.fromEntries(
  POLICIES.map(policy => [
    policy.toLowerCase(),
    [
      service({
        name: policy.toLowerCase(),
        nodePort: PORTS[policy],
        spec: { externalTrafficPolicy: policy },
      }),
    ],
  ]),
)

function podOf(generation: number, node: string, i: number) {
  return { name: `g${generation}-${node}-${i}`, node, labels: { app: 'web' }, serve: 'hostnames' as const }
}

function podsOf(generation: number) {
  return NODES.flatMap(node => Array.from({ length: PER_NODE }, (_, i) => podOf(generation, node, i)))
}

/** As the API server marks it: no longer ready, but serving. */
async function terminate({ lab }: Cluster, pod: string): Promise<void> {
  await changeMetadata(lab.podFile(pod), { deletionTimestamp: new Date().toISOString() })
}

/** One node after the other, each pod by itself: the new one first, as a Deployment with maxUnavailable 0 does it. */
async function replaceAll(cluster: Cluster, generation: number, agents: Promise<unknown> = Promise.resolve()) {
  const old = podsOf(generation - 1)
  for (let i = 0; i < PER_NODE; i++) {
    await Promise.all(
      podsOf(generation)
        .filter((_, at) => at % PER_NODE === i)
        .map(pod => cluster.lab.addPod(pod)),
    )
    await sleep(FOLLOW_MS)
    const leaving = old.filter((_, at) => at % PER_NODE === i)
    for (const { name } of leaving) await terminate(cluster, name)
    await sleep(FOLLOW_MS)
    // Gone from the Service while some of its connections still run.
    for (const { name } of leaving) await rm(cluster.lab.podFile(name))
    // A node without its agent learns nothing: pods must live on until it is back (a grace period is 30 s by default).
    await agents
    await sleep(GRACE_MS)
    for (const { name } of leaving) await cluster.lab.removePod(name)
  }
}

/** Until it is stopped: short and long connections to both policies at both nodes, over both families. */
function load(cluster: Cluster): { stop: () => Promise<Dialled[]> } {
  let running = true
  const outcomes: Dialled[] = []
  const targets = POLICIES.flatMap(policy =>
    NODES.flatMap(node => FAMILIES.map(family => ({ address: cluster.address(node, family), port: PORTS[policy] }))),
  )
  const keep = async (options: readonly DialOptions[]) => {
    while (running) outcomes.push(...(await cluster.lab.dial('outside', ...options)))
  }
  const common = { protocol: 'http', timeout: 8000 } as const
  const short = targets.map(target => ({ ...common, ...target, count: 6, pause: 10 }))
  // Each policy at each node; a client is a process.
  const path = `/trickle/${LONG.bytes}?seconds=${LONG.seconds}`
  const long = targets
    .filter((_, i) => [0, 3, 5, 6].includes(i))
    .map(target => ({ ...common, ...target, path, count: 6, parallel: 6 }))
  const all = [keep(short), ...long.map(one => keep([one]))]
  return {
    async stop() {
      running = false
      await Promise.all(all)
      return outcomes
    },
  }
}

async function restartAgents({ lab }: Cluster): Promise<void> {
  await lab.stopAgent('node1', 'SIGKILL')
  await lab.startAgent('node1')
  await lab.stopAgent('node2')
  await lab.startAgent('node2')
}

function judge(t: Test, outcomes: readonly Dialled[], generation: number): void {
  const failed = outcomes.filter(({ error }) => error !== undefined)
  const long = outcomes.filter(({ bytes = 0 }) => bytes > 1000)
  t.comment(`${outcomes.length} connections, ${long.length} of them ${LONG.seconds} s long: ${failed.length} failed`)
  t.same(failed, [], `${failed.length} of ${outcomes.length} failed`)
  t.ok(long.length >= 20 && long.every(({ bytes }) => bytes === LONG.bytes), 'long ones came whole')
  const pods = new Set(outcomes.map(({ pod }) => pod))
  for (const { name } of [...podsOf(generation - 1), ...podsOf(generation)]) t.ok(pods.has(name), `${name} served`)
}

prove(
  { manifests, topology: { nodes: NODES.map(name => ({ name })), pods: podsOf(0) } },
  {
    'all backends are replaced': async (t, cluster) => {
      const { stop } = load(cluster)
      await sleep(500)
      await replaceAll(cluster, 1)
      judge(t, await stop(), 1)
    },
    'all backends are replaced while agents restart, one of them killed': async (t, cluster) => {
      const { stop } = load(cluster)
      await sleep(500)
      await replaceAll(cluster, 2, restartAgents(cluster))
      judge(t, await stop(), 2)
    },
  },
)
