// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { upLab } from '../../lab/up.ts'
import { BACKENDS, eventually, putManifest, removeManifest, service, VIP, whoAnswered } from './services.ts'

t.setTimeout(120_000)

const EMPTY = ['10.96.7.2', 'fd00:96::7:2']
const empty = service({ name: 'empty', clusterIPs: EMPTY, selector: { app: 'nobody' } })
const lab = await upLab({ name: `m${process.pid}`, manifests: { 'web.yaml': service(), 'empty.yaml': empty } })
t.teardown(() => lab.down())

const http = { protocol: 'http', address: VIP.IPv4, port: 80, count: 20, parallel: 10, timeout: 300 } as const
const answers = async (port = 80) => whoAnswered(await lab.dial('client', { ...http, port }))
const become = (port: number, who: readonly string[]) =>
  eventually(async () => String(await answers(port)) === String(who))

t.test('ports come and go with the Service', async t => {
  t.same(await answers(8080), ['ECONNREFUSED'])
  const ports = [{ name: 'other', port: 8080, targetPort: 9376 }]
  putManifest(lab, 'web.yaml', service({ ports }))
  t.ok(await become(8080, BACKENDS), 'the new port serves')
  t.same(await answers(80), ['ECONNREFUSED'], 'the old one refuses')
  putManifest(lab, 'web.yaml', service())
  t.ok(await become(80, BACKENDS))
  t.same(await answers(8080), ['ECONNREFUSED'])
})

t.test('a Service with the label service-proxy-name is another proxy’s, until the label goes', async t => {
  for (const label of ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless']) {
    putManifest(lab, 'web.yaml', service({ labels: { [label]: 'another' } }))
    t.ok(await eventually(async () => !(await answers()).some(who => BACKENDS.includes(who))), `${label} takes it away`)
    putManifest(lab, 'web.yaml', service())
    t.ok(await become(80, BACKENDS), 'without the label it is back')
  }
})

t.test('a Service that is removed and made again serves again', async t => {
  for (let round = 0; round < 3; round++) {
    removeManifest(lab, 'web.yaml')
    t.ok(await eventually(async () => !(await answers()).some(who => BACKENDS.includes(who))))
    putManifest(lab, 'web.yaml', service())
    t.ok(await become(80, BACKENDS))
  }
})

t.test('a Service whose first pods come later serves from then on', async t => {
  putManifest(lab, 'empty.yaml', service({ name: 'empty', clusterIPs: EMPTY }))
  t.ok(
    await eventually(
      async () => String(whoAnswered(await lab.dial('client', { ...http, address: EMPTY[0]! }))) === String(BACKENDS),
    ),
  )
})
