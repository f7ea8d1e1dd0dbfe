// SPDX-License-Identifier: Apache-2.0
/** loadBalancerSourceRanges within the cluster: by a packet's address; a socket that dials has none yet, and is served. */
import { prove } from './fixture.ts'
import { service } from './manifests.ts'

const BALANCER = '192.0.2.10'

/** Of node1, where the client and its neighbour are, the first address is the client's. */
const balanced = (loadBalancerSourceRanges: readonly string[]) => ({
  ...service({ spec: { type: 'LoadBalancer', loadBalancerSourceRanges } }),
  status: { loadBalancer: { ingress: [{ ip: BALANCER, ipMode: 'VIP' }] } },
})

prove(
  {
    'a pod outside of them is dropped on the packet path alone': async (t, cluster) => {
      const { lab, path } = cluster
      await cluster.put('web', balanced([`${lab.address('client')}/32`]))
      await cluster.settled('ranges', services => services.length > 0)
      const dial = (from: string, address: string) =>
        lab.dial(from, { protocol: 'http', address, port: 80, timeout: 1_000, count: 3 })
      const outcomes = async (from: string, address: string) =>
        (await dial(from, address)).map(({ pod, error }) => (pod ? 'served' : error))
      t.same(await outcomes('client', BALANCER), Array(3).fill('served'), 'a client inside of them')
      const other = path === 'packet' ? 'ETIMEDOUT' : 'served'
      t.same(await outcomes('neighbour', BALANCER), Array(3).fill(other), `its neighbour on the ${path} path`)
      t.same(await outcomes('neighbour', '10.96.0.1'), Array(3).fill('served'), 'the clusterIP is for everybody')
    },
  },
  { nodes: 1 },
)
