// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { vip } from '../services/manifests.ts'
import { BACKENDS, clusterFor } from './cluster.ts'
import { startConnector } from './connector.ts'

/** KILL_SECONDS=30 for a long run. (SECONDS is a variable of bash itself.) */
const SECONDS = Number(process.env.KILL_SECONDS ?? 10)
const { lab, log } = await clusterFor(t)

t.test(`SIGKILL while clients connect at full speed for ${SECONDS} s`, async t => {
  const stop = await startConnector(lab, 'client', [vip(), vip(1, 'IPv6')])
  await sleep(SECONDS * 200)
  await lab.stopAgent('node1', 'SIGKILL')
  await sleep(SECONDS * 500)
  await lab.startAgent('node1')
  await sleep(SECONDS * 300)
  const { count, failures, answered, slowest } = await stop()
  const failed = Object.values(failures).reduce((a, b) => a + b, 0)
  t.comment(
    `${count} connections in ${SECONDS} s, ${failed} failed, the slowest took ${slowest} ms; ` +
      `of each hundredth: ${JSON.stringify(answered)}`,
  )
  t.ok(count > 1000, `${count} connections`)
  t.same(failures, {}, 'none failed')
  t.same(Object.keys(answered).toSorted(), BACKENDS)
})

t.test('the new agent had nothing to write', t => {
  const applied = log('node1').filter(({ msg }) => msg === 'applied')
  const [first, second] = applied
  t.equal(applied.length, 2, 'one line of each agent')
  t.ok((first?.writes ?? 0) > 0, `the first wrote: ${first?.writes}`)
  t.equal(second?.writes, 0)
  t.equal(second?.services, first?.services)
  t.end()
})
