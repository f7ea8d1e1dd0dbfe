// SPDX-License-Identifier: Apache-2.0
/** What is established goes on whatever happens to other backends and to the agent; ClientIP affinity holds over every address. */
import { createInterface } from 'node:readline'
import { dialArguments } from '../../lab/dial.ts'
import { prove, type Test } from './fixture.ts'
import { balanced, service } from './manifests.ts'

const PLAIN = 30_500
const STICKY = 30_510
const BALANCER = '203.0.113.30'
const manifests = {
  plain: [service({ name: 'plain', nodePort: PLAIN })],
  sticky: [balanced([BALANCER], { name: 'sticky', nodePort: STICKY, spec: { sessionAffinity: 'ClientIP' } })],
}

function spread(outcomes: readonly { readonly pod?: string; readonly error?: string }[]): string[] {
  return [...new Set(outcomes.map(({ pod, error }) => pod ?? error ?? ''))].toSorted()
}

prove(
  { manifests },
  {
    'new connections spread': async (t, { dial, address }) => {
      t.same(spread(await dial(address('node1'), PLAIN, { count: 40 })), ['here', 'there'])
      t.same(spread(await dial(address('node1', 'IPv6'), PLAIN + 1, { count: 40, protocol: 'udp' })), ['here', 'there'])
    },
    'established ones go on when their node has another backend, another agent, or none': async (t, cluster) => {
      const node = cluster.address('node1')
      const path = '/trickle/200000?seconds=4'
      const options = { protocol: 'http', address: node, port: PLAIN, path, count: 20, parallel: 20 } as const
      const child = cluster.lab.spawn('outside', dialArguments({ ...options, timeout: 15_000 }))
      const outcomes: { pod?: string; bytes?: number; error?: string }[] = []
      createInterface({ input: child.stdout! }).on('line', line => outcomes.push(JSON.parse(line)))
      const ended = new Promise(resolve => child.once('close', resolve))
      await opened(t, cluster, 20)
      await cluster.put('plain', service({ name: 'plain', nodePort: PLAIN, selector: { pod: 'there' } }))
      await cluster.settled(services => services.some(({ backends }) => backends.length === 1))
      t.same(spread(await cluster.dial(node, PLAIN, { count: 20 })), ['there'], 'new ones go to who is left')
      await cluster.lab.stopAgent('node1', 'SIGKILL')
      await ended
      t.same(spread(outcomes), ['here', 'there'], 'both were in use')
      t.same(
        outcomes.map(({ bytes }) => bytes),
        Array(20).fill(200_000),
        '20 of 20 ended whole',
      )
      t.same(spread(await cluster.dial(node, PLAIN, { count: 20 })), ['there'], 'without an agent, too')
      await cluster.lab.startAgent('node1')
    },
    'while backends are replaced, no new connection fails': async (t, cluster) => {
      const options = {
        protocol: 'http',
        address: cluster.address('node1'),
        port: PLAIN,
        seconds: 5,
        parallel: 4,
      } as const
      const under = cluster.lab.dial('outside', { ...options, pause: 5 }, { ...options, seconds: 1 })
      for (const pod of ['here', 'there', 'here', 'there', 'here', 'there']) {
        await cluster.put('plain', service({ name: 'plain', nodePort: PLAIN, selector: { pod } }))
        await new Promise(resolve => setTimeout(resolve, 600))
      }
      const outcomes = await under
      const failed = outcomes.filter(({ error }) => error !== undefined)
      t.same(spread(outcomes), ['here', 'there'], 'both answered')
      t.same(failed, [], `${failed.length} of ${outcomes.length} failed`)
    },
    'ClientIP affinity is the same at the nodePort and at the balancer': async (t, cluster) => {
      const node = cluster.address('node1')
      t.equal((await cluster.lab.exec('outside', ['ip', 'route', 'add', BALANCER, 'via', node])).code, 0)
      const first = spread(await cluster.dial(node, STICKY, { count: 20 }))
      t.equal(first.length, 1, `always ${first}`)
      t.same(spread(await cluster.dial(BALANCER, 80, { count: 20 })), first)
    },
  },
)

/** Waits until so many connections are in the node's flows, two entries each. */
async function opened(t: Test, { look }: Parameters<Parameters<typeof prove>[1][string]>[1], count: number) {
  const deadline = performance.now() + 3000
  const flows = () =>
    look('node1', ({ flows }) => [...flows.entries()].filter(([key, { state }]) => key.dport === PLAIN && state === 2))
      .length
  while (flows() < count && performance.now() < deadline) await new Promise(resolve => setTimeout(resolve, 20))
  t.ok(flows() >= count, `${flows()} connections are established`)
}
