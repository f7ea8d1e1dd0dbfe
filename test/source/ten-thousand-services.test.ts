// SPDX-License-Identifier: Apache-2.0
/** 10,000 Services with 10 endpoints each, from YAML and from JSON: time and memory in a process of its own, and the cost of a change. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { stringify } from 'yaml'
import { makeFolder, service, slice, watchFolder } from './folder.ts'

const SERVICES = 10_000
const ENDPOINTS = 10

const address = (i: number, j: number) => `10.${128 + (i >> 12)}.${(i >> 4) & 255}.${(i & 15) * ENDPOINTS + j}`

const OBJECTS = Array.from({ length: SERVICES }, (_, i) => {
  const name = `s${i}`
  const own = slice(`${name}-x`, name, [])
  const endpoints = Array.from({ length: ENDPOINTS }, (_, j) => ({
    addresses: [address(i, j)],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `node${j % 3}`,
    zone: `z${j % 2}`,
    targetRef: { kind: 'Pod', name: `${name}-${j}`, namespace: 'default' },
  }))
  return [service(name, { clusterIP: `10.96.${i >> 8}.${i & 255}`, selector: { app: name } }), { ...own, endpoints }]
}).flat()

const LOAD = `
import { loadManifests } from '${join(import.meta.dirname, '../../agent/source/manifests/load.ts')}'
const start = performance.now()
const { services, problems } = await loadManifests([process.argv[1]])
console.log(JSON.stringify({
  services: services.size,
  problems: problems.length,
  endpoints: [...services.values()].reduce((sum, { slices: [slice] }) => sum + (slice?.endpoints.states.length ?? 0), 0),
  seconds: (performance.now() - start) / 1000,
  megabytes: process.resourceUsage().maxRSS / 1000,
}))`

for (const [kind, text] of [
  ['YAML', () => OBJECTS.map(object => stringify(object)).join('---\n')],
  ['JSON', () => OBJECTS.map(object => JSON.stringify(object)).join('\n---\n')],
] as const) {
  t.test(`read once from ${kind}`, async t => {
    const folder = makeFolder(t, { 'all.yaml': text() })
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', LOAD, folder.path], {
      encoding: 'utf8',
    })
    const { seconds, megabytes, ...counts } = JSON.parse(output)
    t.same(counts, { services: SERVICES, problems: 0, endpoints: SERVICES * ENDPOINTS })
    t.comment(`${kind}: ${seconds.toFixed(2)} s, ${megabytes.toFixed(0)} MB at most`)
    t.ok(megabytes < 600)
  })
}

t.test('a change of one small file reads and tells of nothing else', async t => {
  const folder = makeFolder(t, {
    'all.yaml': OBJECTS,
    'one.yaml': [service('one'), slice('one-x', 'one', ['10.1.0.1'])],
  })
  const run = await watchFolder(t, folder.path, { debounceMs: 1 })
  const times: number[] = []
  for (let i = 2; i < 22; i++) {
    const told = run.updates.length
    const start = process.cpuUsage()
    folder.write('one.yaml', [service('one'), slice('one-x', 'one', [`10.1.0.${i}`])])
    await run.until(() => run.services.get('default/one')?.slices[0]?.endpoints.addresses === `10.1.0.${i}`)
    const { user, system } = process.cpuUsage(start)
    times.push((user + system) / 1000)
    for (const { services } of run.updates.slice(told)) t.same([...services.keys()], ['default/one'])
  }
  t.comment(`CPU for one change at that size: median ${times.sort((a, b) => a - b)[10]?.toFixed(1)} ms`)
})
