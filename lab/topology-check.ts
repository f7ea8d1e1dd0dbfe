// SPDX-License-Identifier: Apache-2.0
/** Cross-checks of a topology that no schema can express: names are unique, and what is named is there. */
import { LabError } from './error.ts'
import { FABRIC, type Topology } from './topology.ts'

const MAX_PODS_OF_NODE = 250

/** Throws LabError that names everything that is wrong. */
export function checkTopology(topology: Topology): Topology {
  const problems = [
    ...duplicateNames(topology),
    ...missingNetworks(topology),
    ...misplacedPods(topology),
    ...crowdedNodes(topology),
  ]
  if (problems.length > 0) throw new LabError(problems.join('\n'))
  return topology
}

function duplicateNames({ networks, nodes, pods, routers, outside }: Topology): string[] {
  const seen = new Set<string>([FABRIC])
  const netns = new Set<string>()
  const things = [
    // A network has no namespace of its own; a router's network has the router's name.
    ...networks.filter(isNotFirstFabric).map(({ name }) => ({ what: 'network', name, netns: name })),
    ...nodes.map(({ name }) => ({ what: 'node', name, netns: name })),
    ...routers.map(({ name }) => ({ what: 'router', name, netns: name })),
    ...outside.map(({ name }) => ({ what: 'outside client', name, netns: name })),
    ...pods.map(({ name, node }) => ({ what: 'pod', name, netns: `${node}-${name}` })),
  ]
  return things.flatMap(thing => {
    const taken = seen.has(thing.name) || netns.has(thing.netns)
    seen.add(thing.name)
    netns.add(thing.netns)
    return taken
      ? [`${thing.what} "${thing.name}": the name is taken in this lab; give each node, pod and client its own`]
      : []
  })
}

function misplacedPods({ nodes, pods }: Topology): string[] {
  const names = nodes.map(({ name }) => name)
  return pods
    .filter(({ node }) => !names.includes(node))
    .map(({ name, node }) => `pod "${name}": node "${node}" is not in the topology (nodes: ${names.join(', ')})`)
}

function crowdedNodes({ nodes, pods }: Topology): string[] {
  return nodes
    .filter(({ name }) => pods.filter(({ node }) => node === name).length > MAX_PODS_OF_NODE)
    .map(({ name }) => `node "${name}": has more than ${MAX_PODS_OF_NODE} pods; add nodes`)
}

/** The fabric's name is its own. */
function isNotFirstFabric({ name }: { name: string }, i: number, all: Topology['networks']): boolean {
  return name !== FABRIC || all.findIndex(network => network.name === FABRIC) !== i
}

function missingNetworks({ networks, podNetwork, nodes, routers, outside }: Topology): string[] {
  const plain = networks.map(({ name }) => name)
  // A router stands behind those before it: no circles.
  const reachable = (before: number) => [...plain, ...routers.slice(0, before).map(({ name }) => name)]
  const missing = (what: string, name: string, among: readonly string[]) =>
    among.includes(name) ? [] : [`${what}: network "${name}" is not in the topology (networks: ${among.join(', ')})`]
  return [
    ...missing('podNetwork', podNetwork, plain),
    ...nodes.flatMap(node => node.networks.flatMap(name => missing(`node "${node.name}"`, name, plain))),
    ...nodes
      .filter(node => plain.includes(podNetwork) && !node.networks.includes(podNetwork))
      .map(
        ({ name }) =>
          `node "${name}": is not on network "${podNetwork}", over which nodes reach pods; add it to its networks`,
      ),
    ...routers.flatMap(({ name, network }, i) => missing(`router "${name}"`, network, reachable(i))),
    ...outside.flatMap(({ name, network }) => missing(`outside client "${name}"`, network, reachable(routers.length))),
  ]
}
