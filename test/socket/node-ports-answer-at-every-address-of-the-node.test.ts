// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { HTTP, service, UDP } from '../services/manifests.ts'
import { clusterFor, type Test } from './cluster.ts'
import { python } from './python.ts'

const NODE_PORT = 30080
const ports = [HTTP, UDP].map(port => ({ ...port, nodePort: NODE_PORT }))
const { lab } = await clusterFor(t, { manifests: [service({ spec: { type: 'NodePort', ports } })] })

/** Of node1, but for loopback. 172.31.0.1 is that of eth0; another one comes while the agent runs. */
const LATER = ['172.31.7.7', 'fd00:31:7::7']
const ADDRESSES = ['172.31.0.1', 'fd00:31::1', '::ffff:172.31.0.1', ...LATER]
const LOOPBACK = ['127.0.0.1', '::1', '::ffff:127.0.0.1']

for (const address of LATER)
  await lab.exec('node1', ['ip', 'address', 'add', address, 'dev', 'lo', ...(address.includes(':') ? ['nodad'] : [])])

/** Asks by each kind of socket: the pod that answered and the name it had, or the error. */
const ASK = `
addresses, port = map(json.loads, sys.argv[1:])
def udp(address, connected):
    s = opened(address, SOCK_DGRAM)
    s.settimeout(1)
    if connected:
        s.connect((address, port))
        s.send(b'ping')
    else:
        s.sendto(b'ping', (address, port))
    data, name = s.recvfrom(99)
    return [data.split()[0].decode(), name[0]]

def tcp(address):
    s = opened(address, SOCK_STREAM)
    s.connect((address, port))
    name = s.getpeername()[0]
    return [get(s), name]

def ask(call, *arguments):
    try:
        return call(*arguments)
    except socket.timeout:
        return ['ETIMEDOUT', arguments[0]]
    except OSError as error:
        return [errno.errorcode[error.errno], arguments[0]]

for address in addresses:
    say([address, ask(tcp, address), ask(udp, address, True), ask(udp, address, False)])
`

type Answers = readonly [address: string, ...(readonly [pod: string, name: string])[]]

async function answered(t: Test, where: string, addresses: readonly string[]): Promise<void> {
  const all = await python<Answers>(lab, where, ASK, addresses, NODE_PORT)
  t.equal(all.length, addresses.length)
  for (const [address, ...answers] of all)
    for (const [pod, name] of answers) {
      t.match(pod, /^web-/, `${address} from ${where}`)
      t.equal(name, address)
    }
}

t.test('processes of the node, loopback included', t => answered(t, 'node1', [...ADDRESSES, ...LOOPBACK]))

t.test('pods of the node', t => answered(t, 'client', ADDRESSES))

t.test("a pod's own loopback stays its own", async t => {
  for (const [address, ...answers] of await python<Answers>(lab, 'client', ASK, LOOPBACK, NODE_PORT))
    t.same(answers, [
      ['ECONNREFUSED', address],
      ['ECONNREFUSED', address],
      ['ETIMEDOUT', address],
    ])
  const served = `
for address in json.loads(sys.argv[1]):
    with socket.create_server((address, ${NODE_PORT}), family=family(address)) as server:
        s = opened(address, SOCK_STREAM)
        s.connect((address, ${NODE_PORT}))
        say(server.accept()[0].getsockname()[0])
`
  t.same(await python(lab, 'client', served, ['127.0.0.1', '::1']), ['127.0.0.1', '::1'])
})

t.test('other ports of the node are not touched', async t => {
  const [[, tcp] = []] = await python<Answers>(lab, 'client', ASK, ['172.31.0.1'], NODE_PORT + 1)
  t.same(tcp, ['ECONNREFUSED', '172.31.0.1'])
})
