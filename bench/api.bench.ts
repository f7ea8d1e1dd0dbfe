// SPDX-License-Identifier: Apache-2.0
/** From a real API server to packets and maps: the start with very many Services, and one endpoint's change. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ENDPOINTS, loadSlice } from '../test-apiserver/load.ts'
import { median, quantile } from './abba.ts'
import { type ApiCluster, type Start, upApiCluster } from './api-cluster.ts'
import { benchOptions, publish, type Row, type Target } from './report.ts'
import { spin } from './spin.ts'

const {
  services: SERVICES,
  changes: CHANGES,
  rounds: ROUNDS,
} = benchOptions('The agent on a real kube-apiserver: make bench BENCH=api', {
  services: [10_000, `with ${ENDPOINTS} endpoints each`],
  changes: [500, 'one endpoint each'],
  rounds: [3, 'how often the agent is started, with empty maps and with full ones'],
})

/** kube-proxy 1.36 in nftables mode at 10,000 x 10 on a machine of two processors: its first full sync, one endpoint's change, its RSS. */
const KUBE_PROXY = { start: 38_900, change: 4_300, rss: 391 } as const
const START: Target = { must: KUBE_PROXY.start / 10, aim: 2_000 }
const CHANGE: Target = { must: KUBE_PROXY.change / 100, aim: 20 }
const RSS: Target = { must: KUBE_PROXY.rss, aim: 150 }
const CHANGE_CALLS: Target = { must: 10, aim: 10 }

interface Change {
  /** Milliseconds to the written maps: since the request was sent, and since its event was at another client. */
  readonly sinceRequest: number
  readonly sinceEvent: number
  /** Of them, spent in the agent after its source told it. */
  readonly took: number
  readonly writes: number
  readonly syscalls: number
}

const now = () => performance.timeOrigin + performance.now()

/** Changes one Service after the other, and waits each time until the maps have it. */
async function change({ plane, startChanging }: ApiCluster): Promise<readonly Change[]> {
  const { client } = plane
  const agent = await startChanging()
  const seen = new Map<string, number>()
  const unwatch = await client.watch('EndpointSlice', ({ object }) => seen.set(object.metadata.name, now()))
  const changes: Change[] = []
  let last = { writes: 0, syscalls: 0 }
  for (let i = 0; i <= CHANGES; i++) {
    const object = loadSlice((i * 7_919) % (SERVICES - 1), i + 1)
    seen.clear()
    const sent = now()
    const [applied] = await Promise.all([agent.next(), client.put(object)])
    while (!seen.has(object.metadata.name)) await sleep(1)
    const { at, took, writes, syscalls } = applied
    const counts = { writes: writes - last.writes, syscalls: syscalls - last.syscalls }
    // The first one shows where the counts stand.
    if (i > 0)
      changes.push({ sinceRequest: at - sent, sinceEvent: at - seen.get(object.metadata.name)!, took, ...counts })
    last = { writes, syscalls }
  }
  unwatch()
  await agent.stop()
  return changes
}

function startRows(fresh: readonly Start[], again: readonly Start[]): Row[] {
  const of = (starts: readonly Start[], pick: (start: Start) => number) => median(starts.map(pick))
  const cpu = (starts: readonly Start[]) =>
    `${of(starts, ({ cpu }) => cpu).toFixed()} ms of CPU, and the API server ${of(starts, ({ serverCpu }) => serverCpu).toFixed()} ms`
  const rss = (starts: readonly Start[]) => of(starts, ({ rss }) => rss) / 1e6
  return [
    {
      what: 'start: process to first connection through a Service',
      value: of(fresh, ({ firstConnection }) => firstConnection),
      unit: 'ms',
      target: START,
      note: `kube-proxy: ${KUBE_PROXY.start} ms`,
    },
    { what: 'start: process to ready', value: of(fresh, ({ ready }) => ready), unit: 'ms', note: cpu(fresh) },
    {
      what: 'start: RSS',
      value: rss(fresh),
      unit: 'MB',
      target: RSS,
      note: `${(of(fresh, ({ peak }) => peak) / 1e6).toFixed()} MB at most; kube-proxy: ${KUBE_PROXY.rss} MB`,
    },
    // What is served is served all the while.
    { what: 'restart: process to ready', value: of(again, ({ ready }) => ready), unit: 'ms', note: cpu(again) },
    { what: 'restart: RSS', value: rss(again), unit: 'MB' },
  ]
}

function changeRows(changes: readonly Change[]): Row[] {
  const of = (pick: (change: Change) => number, part: number) => quantile(changes.map(pick), part)
  const row = (what: string, pick: (change: Change) => number, part: number, target?: Target): Row => ({
    what: `one endpoint change, ${what}, p${part * 100}`,
    value: of(pick, part),
    unit: 'ms',
    ...(target && { target, note: `kube-proxy: ${KUBE_PROXY.change} ms` }),
  })
  const both = (what: string, pick: (change: Change) => number, target?: Target) => [
    row(what, pick, 0.5, target),
    row(what, pick, 0.99, target),
  ]
  const most = (pick: (change: Change) => number) => Math.max(...changes.map(pick))
  return [
    ...both('API event to kernel write', ({ sinceEvent }) => sinceEvent, CHANGE),
    ...both('request to kernel write', ({ sinceRequest }) => sinceRequest),
    ...both('of it in compiling and writing', ({ took }) => took),
    { what: 'one endpoint change: elements written, at most', value: most(({ writes }) => writes), unit: '' },
    {
      what: 'one endpoint change: system calls on maps, at most',
      value: most(({ syscalls }) => syscalls),
      unit: '',
      target: CHANGE_CALLS,
    },
  ]
}

async function main(): Promise<void> {
  const began = performance.now()
  const progress = (line: string) =>
    process.stderr.write(`  ${((performance.now() - began) / 1_000).toFixed().padStart(4)} s  ${line}\n`)
  const calmBefore = spin()
  await using cluster = await upApiCluster(SERVICES, progress)
  const fresh: Start[] = []
  const again: Start[] = []
  for (let round = 0; round < ROUNDS; round++) {
    fresh.push(await cluster.start(true))
    again.push(await cluster.start(false))
    progress(`start ${round + 1} of ${ROUNDS}`)
  }
  const changes = await change(cluster)
  const report = {
    part: 'api',
    method:
      `${SERVICES} Services x ${ENDPOINTS} in kube-apiserver ${cluster.plane.programs.version}, which runs on this machine, too; ` +
      `medians of ${ROUNDS} starts; ${CHANGES} changes. Every change waits 10 ms for others`,
    rows: [...startRows(fresh, again), ...changeRows(changes)],
    controls: [{ what: 'a fixed piece of work, after / before', ratio: spin() / calmBefore }],
  }
  publish(report)
}

await main()
