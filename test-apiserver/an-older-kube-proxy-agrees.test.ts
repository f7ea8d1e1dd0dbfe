// SPDX-License-Identifier: Apache-2.0
/**
 * The random Services of test/oracle, given to a real kube-proxy in mode iptables and to `evenkeel render`. Where this kube-proxy is older than what a
 * Service asks for, render is asked about the Service without that; then both have to say the same.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import type { RenderedFrontend } from '../agent/cli/rendered.ts'
import type { Lab } from '../lab/lab.ts'
import { upLab } from '../lab/up.ts'
import { evenkeel, parseRows } from '../test/compile/command.ts'
import type { ApiObject } from '../test/kubernetes/objects.ts'
import { startKubeProxy, untilSynced, versionOf } from './kube-proxy.ts'
import { program } from './programs.ts'
import { createWalker, type Fate, type Packet } from './rules-walk.ts'

t.setTimeout(180_000)

const NODE = 'node1'
const PODS = { IPv4: '10.244.0.0/16', IPv6: 'fd00:244::/32' } as const
/** Endpoints are none of these. */
const SOURCES = {
  cluster: { IPv4: '10.244.255.1', IPv6: 'fd00:244:ffff::1' },
  external: { IPv4: '198.51.100.77', IPv6: '2001:db8:77::1' },
} as const
/** For nodePorts; the walk is told that it is the node's. */
const HERE = { IPv4: '172.31.0.2', IPv6: 'fd00:31::2' } as const
type Family = keyof typeof HERE

type Fields = Readonly<Record<string, unknown>>
type Spec = Fields & { readonly trafficDistribution?: string; readonly internalTrafficPolicy?: string }
interface Stored extends ApiObject {
  readonly spec?: Spec
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly Fields[] } }
  readonly endpoints?: readonly Fields[]
}

/**
 * What came after 1.20, with a version that has it by default; each takes its mark off an object, or the object away. The label's was read
 * from what 1.36 programs: it passes over the slices of such a Service, older ones over the Service as well.
 */
const SINCE: Readonly<Record<string, readonly [number, (object: Stored) => Stored | undefined]>> = {
  'terminating endpoints stand in': [26, object => eachEndpoint(object, plainConditions)],
  'hints for zones': [24, object => eachEndpoint(object, endpoint => withoutHints(endpoint, 'forZones'))],
  'hints for nodes': [34, object => eachEndpoint(object, endpoint => withoutHints(endpoint, 'forNodes'))],
  internalTrafficPolicy: [
    22,
    ({ spec, ...object }) => {
      const { internalTrafficPolicy: _, ...rest } = spec ?? {}
      return { ...object, ...(spec && { spec: rest }) }
    },
  ],
  'ipMode: Proxy': [
    30,
    ({ status, ...object }) => ({
      ...object,
      ...(status && {
        status: { loadBalancer: { ingress: (status.loadBalancer?.ingress ?? []).map(({ ipMode: _, ...one }) => one) } },
      }),
    }),
  ],
  'a Service with the label headless refuses': [
    36,
    object => (object.metadata.labels?.['service.kubernetes.io/headless'] === undefined ? object : undefined),
  ],
}

function eachEndpoint({ endpoints, ...object }: Stored, change: (endpoint: Fields) => Fields): Stored {
  return { ...object, ...(endpoints && { endpoints: endpoints.map(change) }) }
}

function plainConditions({ conditions, ...endpoint }: Fields): Fields {
  const { ready } = (conditions ?? {}) as { ready?: boolean }
  return { ...endpoint, conditions: ready === undefined ? {} : { ready, serving: ready } }
}

function withoutHints({ hints, ...endpoint }: Fields, kind: 'forZones' | 'forNodes'): Fields {
  return { ...endpoint, hints: { ...(hints as Fields | undefined), [kind]: [] } }
}

function without(features: readonly string[], objects: readonly Stored[]): readonly Stored[] {
  const stripped = (object: Stored) =>
    features.reduce<Stored | undefined>((one, feature) => one && SINCE[feature]![1](one), object)
  return objects.flatMap(object => stripped(object) ?? [])
}

function read(): readonly Stored[] {
  const text = gunzipSync(readFileSync(new URL('../test/oracle/in.yaml.gz', import.meta.url))).toString()
  const objects = parseAllDocuments(text).map(document => document.toJS() as Stored | null)
  // Whom it lets in is not what is asked here.
  return objects
    .filter(object => object !== null)
    .map(({ spec, ...object }) => {
      const { loadBalancerSourceRanges: _, ...rest } = spec ?? {}
      return { ...object, ...(spec && { spec: rest }) }
    })
}

async function render(objects: readonly Stored[]): Promise<readonly RenderedFrontend[]> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
  const outcome = await evenkeel(['render', '-f', '-', '--node', NODE, '-o', 'json'], input)
  if (outcome.code !== 0) throw new Error(outcome.stderr)
  return parseRows(outcome)
}

const SCOPES = ['cluster', 'external'] as const
type Scope = (typeof SCOPES)[number]

/** The answer for a scope; a clusterIP has one for both. */
function answers(rows: readonly RenderedFrontend[]): ReadonlyMap<string, Fate> {
  const byFrontend = Map.groupBy(rows, ({ frontend }) => frontend)
  const answer = (some: readonly RenderedFrontend[], wanted: Scope): Fate => {
    const { backends, onEmpty } = some.find(({ scope }) => scope === wanted) ?? some[0]!
    return { backends: [...backends].sort(), onEmpty: backends.length > 0 ? 'none' : onEmpty! }
  }
  return new Map(
    [...byFrontend].flatMap(([frontend, some]) =>
      SCOPES.map(scope => [`${frontend} ${scope}`, answer(some, scope)] as const),
    ),
  )
}

function packetTo(asked: string): Packet & { readonly family: Family } {
  const [, address = '', port = '', protocol = '', scope = ''] = /^\[?(.*?)\]?:(\d+)\/(\w+) (\w+)$/.exec(asked)!
  const family: Family = address.includes(':') ? 'IPv6' : 'IPv4'
  const isHere = address === '0.0.0.0' || address === '::'
  const source = SOURCES[scope as Scope][family]
  const target = isHere ? HERE[family] : address
  return { family, source, target, protocol: protocol.toLowerCase(), port: Number(port), isHere }
}

/** What its rules serve, or refuse, at addresses of their own. */
function frontendsOf(save: string): readonly string[] {
  const dialled = [...save.matchAll(/^-A KUBE-(?:EXTERNAL-)?SERVICES .*-d (\S+?)\/\d+ -p (\w+) .*--dport (\d+)/gm)]
  return dialled.map(([, address = '', protocol = '', port]) => {
    const host = address.includes(':') ? `[${address}]` : address
    return `${host}:${port}/${protocol.toUpperCase()}`
  })
}

/** What more than one Service claims: the older one has it here, and with 1.20 that whose rule chance puts first. */
function contested(objects: readonly Stored[]): ReadonlySet<string> {
  const claims = objects.flatMap(({ spec, status }) => {
    const addresses = [
      ...((spec?.externalIPs as readonly string[] | undefined) ?? []),
      ...(status?.loadBalancer?.ingress ?? []).map(({ ip }) => String(ip)),
    ]
    const ports = (spec?.ports as readonly { readonly port: number; readonly protocol: string }[] | undefined) ?? []
    const hosts = addresses.map(address => (address.includes(':') ? `[${address}]` : address))
    return hosts.flatMap(host => ports.map(({ port, protocol }) => `${host}:${port}/${protocol}`))
  })
  return new Set(claims.filter((claim, i) => claims.indexOf(claim) !== i))
}

const equal = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)

/** 1.20 knows an endpoint by its address: of two ports of one it takes one, by chance. 1.36 takes both. */
function same(ours: Fate | undefined, theirs: Fate | undefined): boolean {
  if (ours === undefined || theirs === undefined) return ours === theirs
  const addresses = ({ backends }: Fate) => [...new Set(backends.map(backend => backend.replace(/:\d+$/, '')))]
  const isPart = theirs.backends.every(backend => ours.backends.includes(backend))
  return isPart && equal(addresses(ours), addresses(theirs)) && ours.onEmpty === theirs.onEmpty
}

type Saves = Readonly<Record<Family, string>>

/** Each family is written by itself. */
async function settled(lab: Lab): Promise<Saves> {
  const saved = async (tool: string) => (await lab.exec(NODE, [tool])).stdout.replace(/^#.*|\[\d+:\d+\]/gm, '')
  const both = async () => ({ IPv4: await saved('iptables-save'), IPv6: await saved('ip6tables-save') })
  for (let last = await both(); ; await sleep(500)) {
    const now = await both()
    if (equal(now, last) && Object.values(now).every(save => save.includes('-A KUBE-SERVICES'))) return now
    last = now
  }
}

t.test('kube-proxy and render say the same of each frontend, to clients in the cluster and outside', async t => {
  const binary = program('KUBE_PROXY')
  const version = versionOf(binary)
  const objects = read()
  const lab = await upLab({ name: `o${process.pid}`, topology: { nodes: [{ name: NODE }] }, agents: false })
  t.teardown(() => lab.down())
  const minor = Number(version.split('.')[1])
  const featureGates = minor < 23 ? { featureGates: { IPv6DualStack: true } } : {}
  const config = { clusterCIDR: Object.values(PODS).join(','), detectLocalMode: 'ClusterCIDR', ...featureGates }
  const options = { lab, node: NODE, binary, mode: 'iptables', objects, config } as const
  const proxy = await startKubeProxy(options)
  t.teardown(() => proxy.stop())
  await untilSynced(options, proxy)
  const saves = await settled(lab)
  const walkers = { IPv4: createWalker(saves.IPv4), IPv6: createWalker(saves.IPv6) }

  const lacking = Object.keys(SINCE).filter(feature => SINCE[feature]![0] > minor)
  const claimed = contested(objects)
  const isContested = (asked: string) => claimed.has(asked.split(' ')[0]!)
  const rendered = [...answers(await render(without(lacking, objects)))]
  const comparable = new Map(rendered.filter(([asked]) => !isContested(asked)))
  t.comment(`${rendered.length - comparable.size} answers are about what two Services claim, and left out`)
  const theirs = new Map([...comparable.keys()].map(asked => [asked, walkers[packetTo(asked).family](packetTo(asked))]))
  const differing = [...comparable].filter(([asked, ours]) => !same(ours, theirs.get(asked)))
  t.comment(`kube-proxy ${version}: ${comparable.size - differing.length} of ${comparable.size} answers are the same`)
  for (const [asked, ours] of differing) t.same(ours, theirs.get(asked), asked)
  t.ok(comparable.size > 1_500)
  const known = new Set(rendered.map(([asked]) => asked.split(' ')[0]))
  t.same(
    [...frontendsOf(saves.IPv4), ...frontendsOf(saves.IPv6)].filter(frontend => !known.has(frontend)),
    [],
    'no frontend that we have not',
  )

  const whole = answers(await render(objects))
  const asked = [...new Set([...comparable.keys(), ...whole.keys()])].filter(one => !isContested(one))
  const newer = asked.filter(one => !same(whole.get(one), theirs.get(one)))
  t.comment(`with what ${version} does not know, ${asked.length - newer.length} of ${asked.length} are`)
  for (const feature of lacking) {
    const plain = answers(await render(without([feature], objects)))
    const its = newer.filter(one => !equal(plain.get(one), whole.get(one))).length
    t.comment(`${its} of the ${newer.length} others are another one's without: ${feature}`)
    t.ok(its > 0, `the set asks about: ${feature}`)
  }
})
