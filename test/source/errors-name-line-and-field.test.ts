// SPDX-License-Identifier: Apache-2.0
/** Malformed objects, and the very words that people read about them. The good object in the same file always counts. */
import t from 'tap'
import { load } from './folder.ts'

const GOOD = `apiVersion: v1
kind: Service
metadata:
  name: good
spec:
  ports:
  - port: 80
---
`

/** A Service named web; its spec begins at line 13, its ports at 15. */
const web = (ports: string, spec = '', head = '') => `apiVersion: v1
kind: Service
metadata:
  name: web${head}
spec:
  ports:
${ports}${spec}`

const PORT = '  - port: 80\n'

const CASES: Readonly<Record<string, readonly [string, readonly string[]]>> = {
  'a port out of range': [
    web('  - port: 70000\n'),
    [
      'all.yaml:15: Service default/web: spec.ports[0].port: 70000 is not a port: a number from 1 to 65535 (without quotes)',
    ],
  ],
  'a port in quotes, without the field': [
    web('  - name: a\n    port: "80"\n  - name: b\n'),
    [
      'all.yaml:16: Service default/web: spec.ports[0].port: "80" is not a port: a number from 1 to 65535 (without quotes)',
      'all.yaml:17: Service default/web: spec.ports[1].port is missing: give a port: a number from 1 to 65535 (without quotes)',
    ],
  ],
  'an unknown protocol': [
    web('  - port: 80\n    protocol: HTTP\n'),
    ['all.yaml:16: Service default/web: spec.ports[0].protocol: "HTTP" is not one of TCP, UDP, SCTP'],
  ],
  'two ports of one name, and of one number': [
    web('  - {name: a, port: 80}\n  - {name: a, port: 81}\n  - {name: c, port: 80}\n'),
    [
      'all.yaml:16: Service default/web: spec.ports[1].name: "a" is in spec.ports[0] already: each port of a Service needs its own',
      'all.yaml:17: Service default/web: spec.ports[2].port: 80/TCP is in spec.ports[0] already: each port of a Service needs its own',
    ],
  ],
  'unnamed ports': [
    web('  - {name: a, port: 80}\n  - port: 81\n'),
    ['all.yaml:16: Service default/web: spec.ports[1].name is missing: each of several ports needs a name'],
  ],
  'no ports': [
    'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports: []\n',
    ['all.yaml:13: Service default/web: spec.ports is empty: give one port at least'],
  ],
  'a type that there is not': [
    web(PORT, '  type: LoadBalanced\n'),
    [
      'all.yaml:16: Service default/web: spec.type: "LoadBalanced" is not one of ClusterIP, NodePort, LoadBalancer, ExternalName',
    ],
  ],
  'addresses that are none': [
    web(PORT, '  clusterIP: 10.96.0.300\n  externalIPs:\n  - 127.0.0.1\n  - 010.0.0.1\n'),
    [
      'all.yaml:16: Service default/web: spec.clusterIP: "10.96.0.300" is not an IP address such as 10.0.0.1 or fd00::1',
      'all.yaml:18: Service default/web: spec.externalIPs[0]: 127.0.0.1 is a loopback address, which nobody else can reach: give another',
      'all.yaml:19: Service default/web: spec.externalIPs[1]: "010.0.0.1" is not an IP address such as 10.0.0.1 or fd00::1',
    ],
  ],
  'an affinity time-out out of range': [
    web(PORT, '  sessionAffinity: ClientIP\n  sessionAffinityConfig:\n    clientIP:\n      timeoutSeconds: 100000\n'),
    [
      'all.yaml:19: Service default/web: spec.sessionAffinityConfig.clientIP.timeoutSeconds: 100000 is not a time in seconds from 1 to 86400',
    ],
  ],
  'policies that there are not, affinity too': [
    web(PORT, '  internalTrafficPolicy: local\n  sessionAffinity: Cookie\n  trafficDistribution: Near\n'),
    [
      'all.yaml:16: Service default/web: spec.internalTrafficPolicy: "local" is not one of Cluster, Local',
      'all.yaml:18: Service default/web: spec.trafficDistribution: "Near" is not one of PreferClose, PreferSameZone, PreferSameNode',
      'all.yaml:17: Service default/web: spec.sessionAffinity: "Cookie" is not one of None, ClientIP',
    ],
  ],
  'fields of another type of Service': [
    web('  - port: 80\n    nodePort: 30080\n', '  externalTrafficPolicy: Local\n  healthCheckNodePort: 30100\n'),
    [
      'all.yaml:16: Service default/web: spec.ports[0].nodePort is only for type NodePort or LoadBalancer: remove it, or change that',
      'all.yaml:17: Service default/web: spec.externalTrafficPolicy is only for type NodePort or LoadBalancer, or with externalIPs: remove it, or change that',
      'all.yaml:18: Service default/web: spec.healthCheckNodePort is only for type LoadBalancer with externalTrafficPolicy Local: remove it, or change that',
    ],
  ],
  'a family that does not fit, two addresses of one': [
    web(PORT, '  clusterIPs: [10.96.0.7, 10.96.0.8]\n  ipFamilies: [IPv6]\n'),
    [
      'all.yaml:16: Service default/web: spec.clusterIPs may hold one IPv4 and one IPv6 address, no more: remove the others',
      'all.yaml:16: Service default/web: spec.clusterIPs[0]: 10.96.0.7 is not IPv6, which spec.ipFamilies[0] asks for',
    ],
  ],
  'a label that is a number': [
    web(PORT, '', '\n  labels:\n    app.io/version: 1'),
    ['all.yaml:14: Service default/web: metadata.labels["app.io/version"]: 1 is not a text (put it in quotes)'],
  ],
  'a name in capitals': [
    web(PORT, '', '_A'),
    [
      'all.yaml:12: Service default/web_A: metadata.name: "web_A" is not a name of at most 63 lower-case letters, digits and "-"',
    ],
  ],
  'a targetPort in quotes': [
    web('  - port: 80\n    targetPort: "8080"\n'),
    [
      'all.yaml:16: Service default/web: spec.ports[0].targetPort: "8080" is not a port: a number from 1 to 65535 (without quotes), or the name of a container port (at most 15 of a-z, 0-9 and "-", one letter at least)',
    ],
  ],
  'a slice with an address of the wrong family': [
    `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv6
endpoints:
- addresses: [10.0.0.1]
`,
    [
      'all.yaml:14: EndpointSlice default/web-1: endpoints[0].addresses[0]: "10.0.0.1" is not an IPv6 address, which addressType asks for',
    ],
  ],
  'a slice of nobody, with no addressType': [
    'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: web-1\n',
    ['all.yaml:9: EndpointSlice default/web-1: addressType is missing: give one of IPv4, IPv6, FQDN'],
  ],
  'a slice without the label': [
    'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: web-1\naddressType: IPv4\n',
    [
      'all.yaml:11: EndpointSlice default/web-1: metadata.labels["kubernetes.io/service-name"] is missing: give the name of the Service that it belongs to',
    ],
  ],
  'an old version of a kind': [
    'apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\nmetadata: {name: web-1}\n',
    [
      'all.yaml:9: apiVersion: discovery.k8s.io/v1beta1 is not read for EndpointSlice: convert it to discovery.k8s.io/v1',
    ],
  ],
  'something else altogether': [
    '- just\n- a list\n',
    ['all.yaml:9: ["just","a list"] is not a Kubernetes object: give fields such as apiVersion, kind, metadata'],
  ],
  'no kind': ['apiVersion: v1\nmetadata: {name: web}\n', ['all.yaml:9: kind is missing: name the kind of object']],
  'an item of a List': [
    'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Node\n  metadata:\n    name: node1\n  status:\n    addresses:\n    - type: InternalIP\n      address: here\n',
    ['all.yaml:19: Node node1: status.addresses[0].address: "here" is not an IP address, which InternalIP asks for'],
  ],
  'no YAML': [
    'apiVersion: v1\nkind: Service\nmetadata:\n  name: "web\n',
    [
      'all.yaml:13: not valid YAML: Missing closing "quote. Until it is mended, the file counts as it was when it was last valid',
    ],
  ],
  'a key twice': [
    'apiVersion: v1\nkind: Service\nkind: Node\n',
    [
      'all.yaml:11: not valid YAML: Map keys must be unique. Until it is mended, the file counts as it was when it was last valid',
    ],
  ],
  'a pod that says nothing of itself': [
    'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n',
    ["all.yaml:9: Pod default/a has no status: give status.podIPs and the condition Ready, or it is nobody's endpoint"],
  ],
}

for (const [name, [text, expected]] of Object.entries(CASES)) {
  t.test(name, async t => {
    const { services, problems } = await load(t, GOOD + text)
    t.same(
      problems.map(problem => problem.replace(/^(error|warning) /, '')),
      expected,
    )
    t.same([...services.keys()], ['default/good'])
  })
}
