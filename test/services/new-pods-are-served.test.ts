// SPDX-License-Identifier: Apache-2.0

import { failed } from '../../lab/command.ts'
import { type Dialled, dialArguments, readDialled } from '../../lab/dial.ts'
import { BACKENDS, type Cluster, prove, soon, type Test } from './fixture.ts'
import { FAMILIES, vip } from './manifests.ts'
import { tally, who } from './outcomes.ts'

const ADDRESSES = { v4: '10.244.1.99', v6: 'fd00:244:1::99' }
const GATEWAY = { v4: '169.254.1.1', v6: 'fe80::1', mac: 'ee:ee:ee:ee:ee:ee' }

async function inNode({ lab }: Cluster, ...argv: readonly string[]) {
  const result = await lab.exec('node1', argv)
  if (result.code !== 0) throw failed(argv.join(' '), result)
  return result
}

/** Lines of `ip`, in the node or in a namespace. */
function script(cluster: Cluster, enter: readonly string[], lines: readonly string[]) {
  return inNode(cluster, ...enter, 'sh', '-ec', lines.join('\n'))
}

const entering = (netns: string) => ['nsenter', `--net=/run/netns/${netns}`]

/** As a CNI does it: the node's side first, then the pod's. The lab takes the namespace down with its own. */
async function addPod(cluster: Cluster, netns: string, device: string): Promise<void> {
  await script(
    cluster,
    [],
    [
      `ip netns add ${netns}`,
      `ip link add ${device} address ${GATEWAY.mac} type veth peer name eth0 netns ${netns}`,
      `ip link set ${device} up`,
      `ip route replace ${ADDRESSES.v4}/32 dev ${device} scope link`,
      `ip -6 route replace ${ADDRESSES.v6}/128 dev ${device}`,
    ],
  )
  await script(cluster, entering(netns), [
    'ip link set lo up',
    `ip addr add ${ADDRESSES.v4}/32 dev eth0`,
    `ip addr add ${ADDRESSES.v6}/128 dev eth0 nodad`,
    'ip link set eth0 up',
    `ip neigh replace ${GATEWAY.v4} lladdr ${GATEWAY.mac} dev eth0 nud permanent`,
    `ip neigh replace ${GATEWAY.v6} lladdr ${GATEWAY.mac} dev eth0 nud permanent`,
    `ip route add ${GATEWAY.v4} dev eth0 scope link`,
    `ip route add default via ${GATEWAY.v4} dev eth0`,
    `ip -6 route add default via ${GATEWAY.v6} dev eth0`,
  ])
}

async function dial(cluster: Cluster, netns: string, timeout: number) {
  const kinds = FAMILIES.flatMap(family =>
    (['http', 'udp'] as const).map(protocol => ({
      protocol,
      address: vip(1, family),
      port: 80,
      count: 18,
      timeout,
    })),
  )
  return readDialled(await inNode(cluster, ...entering(netns), ...dialArguments(...kinds)))
}

const served = (outcomes: readonly Dialled[]) => who(outcomes).join() === BACKENDS.join()

async function isServed(t: Test, cluster: Cluster): Promise<void> {
  const netns = `ek-${cluster.lab.name}-new`
  const device = 'podnew'
  for (const time of ['first', 'second']) {
    await addPod(cluster, netns, device)
    await soon(t, `the ${time} pod is served`, async () => served(await dial(cluster, netns, 300)))
    const outcomes = await dial(cluster, netns, 5000)
    t.same(who(outcomes), BACKENDS, JSON.stringify(tally(outcomes)))
    await script(cluster, [], [`ip link del ${device}`, `ip netns del ${netns}`])
  }
}

prove({ 'a pod that comes after the agent, goes, and comes again under the same name': isServed }, { nodes: 1 })
