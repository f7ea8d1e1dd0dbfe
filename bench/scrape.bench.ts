// SPDX-License-Identifier: Apache-2.0
/** What a scrape of /metrics costs the agent, and for how long it can do nothing else meanwhile. */
import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { loadObject } from '../agent/kernel/objects.ts'
import { pinFolder } from '../agent/kernel/pins.ts'
import { dataplaneOf } from '../agent/reconcile/dataplane.ts'
import { createDriver } from '../agent/reconcile/driver.ts'
import { createMetrics } from '../agent/serve/metrics/metrics.ts'
import { median } from './abba.ts'
import { NODE, serviceView } from './control-plane-objects.ts'
import { benchOptions, publish, type Row } from './report.ts'

const { scrapes: SCRAPES } = benchOptions('A scrape of /metrics, in this process, without HTTP.', {
  scrapes: [30, 'how often'],
})
const SIZES = [1_000, 50_000]
const OBJECT = fileURLToPath(new URL('../bpf/build/tc.bpf.o', import.meta.url))

/** The longest time that a timer of 0 ms had to wait while work goes on. */
async function longestPause(work: Promise<unknown>): Promise<number> {
  let last = performance.now()
  let longest = 0
  const tick = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  const timer = setInterval(tick, 0)
  await work
  tick()
  clearInterval(timer)
  return longest
}

async function rowsAt(count: number, folder: string): Promise<Row[]> {
  const sizes = { frontends: 4 * count, backends: 16 * count, tables: 20 * count, services: 2 * count }
  const settings = { eventSample: 0, netnsCookie: 0n }
  const load = { file: OBJECT, folder: pinFolder(folder), settings, programs: [] }
  const object = loadObject({ ...load, sizes: { ...sizes, counters: sizes.services } })
  const dataplane = dataplaneOf(object)
  const contextOf = () => ({ nodeName: NODE.name, node: NODE, serviceProxyName: '', externalIPs: true })
  const driver = createDriver({ dataplane, contextOf, log: pino({ level: 'fatal' }), onBackendsGone: () => {} })
  const services = new Map(Array.from({ length: count }, (_, number) => serviceView(number)))
  driver.update({ services, node: NODE, incomplete: false })
  const metrics = createMetrics({
    dataplane,
    used: () => driver.used,
    live: () => driver.live,
    limit: 1_000,
    devices: () => ({ pod: 100, uplink: 1, stranger: 0 }),
    hooks: () => ({ attached: 11, wanted: 11 }),
    tally: { warnings: 0, errors: 0, lastError: undefined },
  })
  const [cpu, wall, pause]: [number[], number[], number[]] = [[], [], []]
  let bytes = 0
  for (let i = 0; i < SCRAPES; i++) {
    const began = performance.now()
    const before = process.cpuUsage()
    const text = metrics.expose('text')
    pause.push(await longestPause(text))
    wall.push(performance.now() - began)
    const { user, system } = process.cpuUsage(before)
    cpu.push((user + system) / 1_000)
    bytes = (await text).length
  }
  dataplane.close()
  object.close()
  const row = (what: string, value: number, unit: string) => ({ what: `${count} Services: ${what}`, value, unit })
  return [
    row('a scrape', median(wall), 'ms'),
    row('its CPU time', median(cpu), 'ms'),
    row('longest time that nothing else was done', median(pause), 'ms'),
    row('size', bytes / 1_000, 'kB'),
  ]
}

const rows: Row[] = []
for (const size of SIZES) {
  const folder = `/sys/fs/bpf/ek-bench-scrape-${process.pid}`
  mkdirSync(folder)
  try {
    rows.push(...(await rowsAt(size, folder)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
const report = {
  part: 'scrape',
  method: `medians of ${SCRAPES} scrapes; 1,000 Service ports have series of their own`,
  rows,
  controls: [],
}
publish(report)
