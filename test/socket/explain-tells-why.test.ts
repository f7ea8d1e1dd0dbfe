// SPDX-License-Identifier: Apache-2.0
/** Troubles as operators have them: what the command says, and what a client meets at the same time. */
import t, { type Test } from 'tap'
import type { Explained } from '../../agent/cli/explain.ts'
import type { Manifest } from '../cluster.ts'
import { HTTP, service, sticky, vip } from '../services/manifests.ts'
import { clusterFor } from './cluster.ts'

/** A Service of IPv4, without a selector. */
function bare(name: string, number: number, spec: object = {}): Manifest {
  const clusterIP = { clusterIP: vip(number), clusterIPs: [vip(number)], ipFamilyPolicy: 'SingleStack' }
  return service({ name, number, spec: { ...clusterIP, selector: undefined, ports: [HTTP], ...spec } })
}

function slice(name: string, endpoints: readonly object[], port = { name: 'http', port: 9376 }): Manifest {
  const metadata = { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } }
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata,
    addressType: 'IPv4',
    ports: [port],
    endpoints,
  }
}

const NOBODY = { addresses: ['10.244.2.99'], nodeName: 'node2' }
const BALANCER = {
  type: 'LoadBalancer',
  externalTrafficPolicy: 'Local',
  ports: [{ ...HTTP, nodePort: 30004 }],
  loadBalancerSourceRanges: ['10.0.0.0/8'],
}

const { lab, put } = await clusterFor(t, {
  topology: {
    nodes: [{ name: 'node1' }, { name: 'node2' }],
    outside: ['outside'],
    pods: [
      { name: 'client', node: 'node1' },
      { name: 'web-0', node: 'node1', labels: { app: 'web' }, serve: 'hostnames' },
      { name: 'web-1', node: 'node2', labels: { app: 'web' }, serve: 'hostnames' },
    ],
  },
  manifests: [
    service(),
    service({ name: 'selector', number: 2, spec: { selector: { app: 'wbe' } } }),
    bare('unready', 3),
    slice('unready', [{ ...NOBODY, conditions: { ready: false } }]),
    {
      ...bare('local', 4, { ...BALANCER, internalTrafficPolicy: 'Local' }),
      status: { loadBalancer: { ingress: [{ ip: '198.51.100.4' }] } },
    },
    slice('local', [NOBODY]),
    bare('port', 5),
    slice('port', [NOBODY], { name: 'web', port: 9376 }),
    bare('target', 6, { selector: { app: 'web' }, ports: [{ ...HTTP, targetPort: 9999 }] }),
    bare('gone', 7),
    slice('gone', [NOBODY]),
    bare('claims', 8, { externalIPs: [vip(7)] }),
    slice('claims', [NOBODY]),
    bare('headless', 9, { clusterIP: 'None', clusterIPs: ['None'] }),
    bare('wrong', 9, { ports: [{ port: 0 }] }),
  ],
})

interface Case {
  readonly argv: readonly string[]
  /** Of the findings, in their order, how each begins; "note" in front of one that is no problem. */
  readonly finds: readonly RegExp[]
  readonly code?: number
  /** What a client in the cluster meets there. */
  readonly dialled?: { readonly address: string; readonly error: string }
}

const refused = (number: number) => ({ address: vip(number), error: 'ECONNREFUSED' })

const CASES: readonly Case[] = [
  { argv: ['web', '--dial'], finds: [], code: 0 },
  { argv: ['selector'], finds: [/^no EndpointSlice belongs to it/, /^no EndpointSlice/], dialled: refused(2) },
  { argv: ['default/unready:http'], finds: [/^none of its 1 endpoints is ready/], dialled: refused(3) },
  {
    argv: ['local', '--from', '192.0.2.1'],
    finds: [
      /^internalTrafficPolicy is Local, and no endpoint is on this node \(node1\): they are on node2/,
      /^externalTrafficPolicy is Local/,
      /^192\.0\.2\.1 is not in the loadBalancerSourceRanges at 198\.51\.100\.4: 10\.0\.0\.0\/8/,
    ],
    dialled: { address: vip(4), error: 'EHOSTUNREACH' },
  },
  {
    argv: ['port'],
    finds: [/^none of its 1 endpoints has the port "http" over TCP: they have "web" 9376/],
    dialled: refused(5),
  },
  { argv: ['target', '--dial'], finds: [/:9999 refuses: nobody listens/, /:9999 refuses/], dialled: refused(6) },
  {
    argv: [`${vip(7)}:80`, '--dial'],
    finds: [/^10\.244\.2\.99:9376 .*(does not answer|EHOSTUNREACH)/, /^note Service default\/claims/],
  },
  {
    argv: ['claims'],
    finds: [/^Service default\/claims: spec\.externalIPs: .* belongs to Service default\/gone/],
  },
  { argv: ['headless'], finds: [/^note it is headless/], code: 0 },
  {
    argv: ['wrong'],
    finds: [
      /^the agent knows no Service default\/wrong/,
      /services\.yaml:\d+: Service default\/wrong: spec\.ports\[0\]\.port: 0/,
    ],
  },
  { argv: ['shop/web'], finds: [/^the agent knows no Service shop\/web/] },
  { argv: ['web:443'], finds: [/^it has no port 443: it has http 80\/TCP, udp 80\/UDP/] },
  {
    argv: [`${vip(1)}:443`],
    finds: [/^the address is a Service's, but no Service has this port/],
    dialled: { ...refused(1) },
  },
  { argv: ['172.31.0.1:22'], finds: [/^no Service is served at this address and port/] },
]

async function explain(...argv: readonly string[]): Promise<Explained & { readonly code: number }> {
  const { code, stdout, stderr } = await lab.exec('node1', ['evenkeel', 'explain', ...argv, '-o', 'json'])
  t.equal(stderr, '', argv.join(' '))
  return { ...JSON.parse(stdout), code }
}

function texts({ findings, ports }: Explained): string[] {
  const all = [...ports.flatMap(port => port.findings), ...findings]
  return all.map(({ severity, what }) => (severity === 'problem' ? what : `note ${what}`))
}

async function isExplained(t: Test, { argv, finds, code = 1, dialled }: Case): Promise<void> {
  const explained = await explain(...argv)
  t.match(texts(explained), finds)
  t.equal(texts(explained).length, finds.length, 'nothing else')
  t.equal(explained.code, code)
  if (dialled === undefined) return
  const port = argv[0] === `${vip(1)}:443` ? 443 : 80
  const [met] = await lab.dial('client', { protocol: 'http', address: dialled.address, port })
  t.match(met, { error: dialled.error }, 'and that is what a client meets')
}

for (const one of CASES) t.test(one.argv.join(' '), t => isExplained(t, one))

t.test('endpoints and whom they serve', async t => {
  const { ports } = await explain('local')
  t.match(ports, [
    { name: 'default/local:http/TCP', endpoints: [{ node: 'node2', state: 'ready', serves: ['cluster'] }] },
  ])
  const { stdout } = await lab.exec('node1', ['evenkeel', 'explain', 'local'])
  t.match(stdout, /^198\.51\.100\.4:80\/TCP +outside +nobody: dropped \(NO_LOCAL_ENDPOINTS\)/m)
  t.match(stdout, /^10\.244\.2\.99:9376 +node2 +ready +cluster$/m)
  const whole = await lab.exec('node1', ['evenkeel', 'explain', 'web:http', '--dial'])
  t.match(whole.stdout, /^Nothing is wrong that objects and maps could tell, and its TCP backends answer this node\.$/m)
})

t.test('a client outside that keeps its backend, and one that is gone', async t => {
  await put(
    'kept',
    bare('kept', 10, {
      ...sticky(100),
      type: 'NodePort',
      selector: { app: 'web' },
      ports: [{ ...HTTP, nodePort: 30010 }],
    }),
  )
  const held = lab.dial('outside', {
    protocol: 'http',
    address: '172.31.0.1',
    port: 30010,
    path: '/trickle/10000?seconds=8',
    timeout: 30_000,
  })
  const from = ['default/kept', '--from', '172.31.0.200']
  t.ok(await soon(async () => texts(await explain(...from)).length > 0), 'its affinity')
  t.match(texts(await explain(...from)), [
    /^note affinity keeps 172\.31\.0\.200 to 10\.244\.\d\.\d:9376 for 1m\d+s more/,
  ])
  await put('kept', bare('kept', 10, { ...sticky(100), type: 'NodePort', ports: [{ ...HTTP, nodePort: 30010 }] }))
  const stale = /^note 1 tracked connections lead to 10\.244\.\d\.\d:9376, which takes no new ones/
  t.ok(
    await soon(async () => texts(await explain(...from)).some(text => stale.test(text))),
    'the connection to who serves no more',
  )
  await held
})

async function soon(holds: () => Promise<boolean>): Promise<boolean> {
  for (let i = 0; i < 10; i++) if (await holds()) return true
  return false
}

t.test('without an agent the kernel tells', async t => {
  const told = (await lab.exec('node1', ['evenkeel', 'status', '-o', 'json'])).stdout
  const { pid } = JSON.parse(told).agent
  process.kill(pid, 'SIGSTOP')
  t.match(texts(await explain('web')), [/^the agent runs here, but does not answer/])
  process.kill(pid, 'SIGCONT')
  await lab.stopAgent('node1')
  const explained = await explain('web')
  t.match(texts(explained), [/^the agent does not run here/])
  t.match(explained.ports[0], {
    name: 'default/web:http/TCP',
    frontends: [{ backends: { length: 2 } }, {}],
    endpoints: [],
  })
})

t.test('wrong usage', async t => {
  for (const argv of [['Web!'], ['web', '--from', 'me'], ['10.96.0.1:99999']]) {
    const { code, stderr } = await lab.exec('node1', ['evenkeel', 'explain', ...argv])
    t.same([code, stderr.split('\n').length], [2, 2], stderr)
  }
})
