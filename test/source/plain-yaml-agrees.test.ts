// SPDX-License-Identifier: Apache-2.0
/** What the fast reader reads, the yaml package reads alike: over random documents, mutated at random. */
import t from 'tap'
import { parseDocument, stringify } from 'yaml'
import { parsePlainYaml } from '../../agent/source/manifests/plain-yaml.ts'

const ROUNDS = 20_000

/** Mulberry32: the same documents in each run. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

const next = random(20_260)
const below = (n: number) => Math.floor(next() * n)
const pick = <T>(list: readonly T[]) => list[below(list.length)] as T

const SCALARS: readonly unknown[] = [
  'web',
  '10.0.0.1',
  'fd00::1',
  '::1',
  'a b',
  'x: y',
  'x #y',
  '',
  ' ',
  '80',
  80,
  -1,
  0,
  1.5,
  true,
  false,
  null,
  'true',
  'null',
  '~',
  '0x10',
  '010',
  '1e3',
  '.5',
  '+5',
  '-',
  '- a',
  '?',
  'k:',
  '"q"',
  "it's",
  '[a]',
  '{a}',
  'a,b',
  '*a',
  '&a',
  '!t',
  '|',
  '>',
  '%d',
  '@x',
  '`',
  '#c',
  'a\nb',
  '---',
  'http',
  '2024-01-01T00:00:00Z',
  'TCP',
  'é',
  'a\\b',
  '1_000',
  '0o7',
  '.inf',
  'yes',
  '-5x',
  '1.2.3',
]
const EASY: readonly unknown[] = ['web', '10.0.0.1', 'fd00::1', 80, true, 'a b', '80', null]
const KEYS = ['name', 'app.kubernetes.io/name', 'port', 'a', 'b', 'spec', 'k-1', '_z']
const HARD_KEYS = ['1', 'x y', 'f:a', 'true', 'null', '', '__proto__', '<<']
const BITS = [
  ' ',
  '  ',
  '\n',
  ':',
  ': ',
  '-',
  '- ',
  '#',
  ' #',
  '"',
  "'",
  '[',
  ']',
  '{',
  '}',
  ',',
  '|',
  '>',
  '&a',
  '*a',
  '!',
  '?',
  '\t',
  '0',
  'x',
  '~',
  '...',
  '\\',
  '%',
]

function value(depth: number): unknown {
  const kind = depth === 0 ? 0 : below(4)
  if (kind === 1) return Array.from({ length: below(4) }, () => value(depth - 1))
  if (kind > 1)
    return Object.fromEntries(
      Array.from({ length: below(4) }, () => [pick(below(40) > 0 ? KEYS : HARD_KEYS), value(depth - 1)]),
    )
  return pick(below(8) > 0 ? EASY : SCALARS)
}

function text(): string {
  const style = below(4)
  if (style === 0) return JSON.stringify(value(3))
  return stringify(value(4), { collectionStyle: style === 1 ? 'flow' : 'any', lineWidth: 0, indentSeq: below(2) === 0 })
}

function mutate(source: string): string {
  const at = below(source.length + 1)
  const kind = below(5)
  if (kind === 0) return source.slice(0, at) + pick(BITS) + source.slice(at)
  if (kind === 1) return source.slice(0, at) + source.slice(at + 1 + below(4))
  if (kind === 2) return source.slice(0, at)
  const lines = source.split('\n')
  if (kind === 3) lines.splice(below(lines.length), 1, `${' '.repeat(below(5))}${pick(lines).trim()}`)
  else lines.splice(below(lines.length), 0, pick(['', '# note', '  # note', 'a: 1', '- b', '  c:']))
  return lines.join('\n')
}

t.test('whatever it answers, the yaml package answers too', async t => {
  let answered = 0
  const differences: unknown[] = []
  for (let round = 0; round < ROUNDS; round++) {
    let source = text()
    for (let i = below(4); i > 0; i--) source = mutate(source)
    const fast = parsePlainYaml(source)
    if (fast === undefined) continue
    answered++
    const document = parseDocument(source, { logLevel: 'silent' })
    const slow: unknown = document.errors.length > 0 ? document.errors[0]?.message : document.toJS()
    if (JSON.stringify(fast) !== JSON.stringify(slow)) differences.push({ source, fast, slow })
  }
  t.comment(`${answered} of ${ROUNDS} documents were plain`)
  t.same(differences.slice(0, 5), [])
  t.ok(answered > ROUNDS / 10)
})

t.test('what kubectl prints and people write is plain', async t => {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', labels: { 'app.kubernetes.io/name': 'web' } },
  }
  t.same(
    parsePlainYaml(
      stringify({ ...service, spec: { ports: [{ port: 80, targetPort: 'http' }], selector: { a: 'b' } } }),
    ),
    {
      ...service,
      spec: { ports: [{ port: 80, targetPort: 'http' }], selector: { a: 'b' } },
    },
  )
  const written = `# a Service
kind: Service   # of mine
metadata: {name: web, labels: {app: web}}
spec:
  ports:
  - port: 80
    targetPort: "http"
    protocol: 'UDP'

  clusterIPs: [10.0.0.1, "fd00::1"]
  externalIPs: []
  selector:
`
  t.same(parsePlainYaml(written), {
    kind: 'Service',
    metadata: { name: 'web', labels: { app: 'web' } },
    spec: {
      ports: [{ port: 80, targetPort: 'http', protocol: 'UDP' }],
      clusterIPs: ['10.0.0.1', 'fd00::1'],
      externalIPs: [],
      selector: null,
    },
  })
})

t.test('what is not plain is left to the yaml package', async t => {
  for (const source of [
    'a: &x 1',
    'a: |\n  b',
    'a:\tb',
    'a: b\n  c',
    'a: 1\na: 2',
    '? a',
    'a: "b\\n"',
    'a: [b,\n c]',
    '"a": b',
    'a: 0x10',
    '!t a',
  ]) {
    t.equal(parsePlainYaml(source), undefined, source)
  }
})
