// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { FAMILIES, service, sticky, vip } from '../services/manifests.ts'
import { clusterFor } from './cluster.ts'

/** Several alike: two clients choose alike for all of them once in 3^8. */
const NUMBERS = [1, 2, 3, 4, 5, 6, 7, 8]
const { lab, look } = await clusterFor(t, {
  manifests: NUMBERS.map(number => service({ name: `sticky-${number}`, number, spec: sticky() })),
})

/** The backends of each Service for a new process of a place; each is asked by several sockets. */
async function choices(where: string, family: (typeof FAMILIES)[number], protocol: 'http' | 'udp'): Promise<string[]> {
  const count = 5
  const targets = NUMBERS.map(number => ({ protocol, address: vip(number, family), port: 80, count }) as const)
  const outcomes = await lab.dial(where, ...targets)
  t.equal(outcomes.length, NUMBERS.length * count)
  return NUMBERS.map((_, i) => {
    const pods = new Set(outcomes.slice(i * count, (i + 1) * count).map(({ pod, error }) => pod ?? error))
    return [...pods].join(' ')
  })
}

for (const family of FAMILIES)
  for (const protocol of ['http', 'udp'] as const)
    t.test(`${protocol} over ${family}`, async t => {
      const first = await choices('client', family, protocol)
      for (const pod of first) t.match(pod, /^web-\d$/, 'all sockets of a process have one backend')
      t.same(await choices('client', family, protocol), first, 'another process of the pod has the same ones')
      const neighbour = await choices('neighbour', family, protocol)
      t.not(neighbour.join(), first.join(), 'another pod of the node has its own')
      const host = await choices('node1', family, protocol)
      t.not(host.join(), first.join(), 'and so has the node')
      t.same(await choices('client', family, protocol), first, 'after that, the pod still has its own')
    })

t.test('each client has an entry of its own', t => {
  const entries = [...look(({ affinity }) => [...affinity.entries()])]
  // 3 clients, 8 Services, TCP and UDP, two families.
  t.equal(entries.length, 3 * NUMBERS.length * 2 * 2)
  t.end()
})
