// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { liveServices } from '../../agent/cli/services.ts'
import { service } from '../services/manifests.ts'
import { clusterFor, type Test } from './cluster.ts'
import { python } from './python.ts'

/** Documentation addresses (RFC 5737, RFC 3849): nobody routes them here. */
const BALANCER = ['192.0.2.10', '2001:db8::10']
const EXTERNAL = ['198.51.100.20', '2001:db8::20']
/** The only endpoint is on the other node. */
const selector = { pod: 'web-2' }

function balanced(externalTrafficPolicy: string) {
  const made = service({
    spec: { type: 'LoadBalancer', externalTrafficPolicy, externalIPs: EXTERNAL, selector },
  })
  return { ...made, status: { loadBalancer: { ingress: BALANCER.map(ip => ({ ip, ipMode: 'VIP' })) } } }
}

const { lab, put, look, restart, log, settled } = await clusterFor(t, { manifests: [balanced('Local')] })

const ASK = `
for address in json.loads(sys.argv[1]):
    try:
        s = opened(address, SOCK_STREAM)
        s.settimeout(1)
        s.connect((address, 80))
        name = s.getpeername()[0]
        u = opened(address, SOCK_DGRAM)
        u.sendto(b'ping', (address, 80))
        data, udp_name = u.recvfrom(99)
        say([get(s), name, data.split()[0].decode(), udp_name[0]])
    except socket.timeout:
        say(['ETIMEDOUT'])
    except OSError as error:
        say([errno.errorcode[error.errno]])
`

async function served(t: Test, addresses: readonly string[]): Promise<void> {
  for (const where of ['client', 'node1']) {
    const answers = await python(lab, where, ASK, addresses)
    t.same(
      answers,
      addresses.map(address => ['web-2', address, 'web-2', address]),
      where,
    )
  }
}

t.test('LoadBalancer and external IPs, with externalTrafficPolicy Local as if it were Cluster', t =>
  served(t, [...BALANCER, ...EXTERNAL]),
)

t.test('the same with policy Cluster', async t => {
  await put('services', balanced('Cluster'))
  await settled('Cluster', services => services.every(({ onEmpty }) => onEmpty === 'refuse'))
  await served(t, [...BALANCER, ...EXTERNAL])
})

t.test('externalIPs: false', async t => {
  await restart('node1', { externalIPs: false })
  t.test('external IPs are nobody of ours', async t => {
    const frontends = look(liveServices).map(({ frontend }) => frontend)
    t.notOk(frontends.some(text => EXTERNAL.some(address => text.includes(address))))
    for (const [outcome] of await python<string[]>(lab, 'client', ASK, EXTERNAL)) t.not(outcome, 'web-2')
  })
  t.test('LoadBalancer IPs are served on', t => served(t, BALANCER))
  t.test('one warning for the Service', async t => {
    const warnings = log('node1').filter(({ msg }) => msg.includes('externalIPs: false'))
    t.equal(warnings.length, 1)
    t.match(warnings[0]?.msg, /^Service default\/web: spec\.externalIPs: 198\.51\.100\.20, 2001:db8::20: /)
  })
  t.test('with true again they are served', async t => {
    await restart('node1', { externalIPs: true })
    await served(t, EXTERNAL)
  })
})
