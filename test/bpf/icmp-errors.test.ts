// SPDX-License-Identifier: Apache-2.0
/** An ICMP error about a translated packet reaches the one who sent it, and quotes what that one sent. Both directions. */
import t, { type Test } from 'tap'
import { checkPacket } from '../packet/check.ts'
import { describeFully } from '../packet/describe.ts'
import { type EthernetFields, ethernet } from '../packet/ethernet.ts'
import { destinationOptions } from '../packet/extension.ts'
import { icmp4 } from '../packet/icmp4.ts'
import { icmp6 } from '../packet/icmp6.ts'
import { CASES, type Case, type FrameFields, frameBetween, ipBetween, packetBetween, UDP4 } from './cases.ts'
import { loadDataplane, type Program } from './harness.ts'
import { addService } from './services.ts'
import { passesAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

interface Kind {
  readonly what: string
  readonly type: number
  readonly code: number
  readonly rest: number
}

const KINDS: Readonly<Record<4 | 6, readonly Kind[]>> = {
  4: [
    { what: 'port unreachable', type: 3, code: 3, rest: 0 },
    { what: 'host unreachable', type: 3, code: 1, rest: 0 },
    { what: 'fragmentation needed', type: 3, code: 4, rest: 1280 },
    { what: 'time exceeded', type: 11, code: 0, rest: 0 },
    { what: 'parameter problem', type: 12, code: 0, rest: 0x14000000 },
  ],
  6: [
    { what: 'port unreachable', type: 1, code: 4, rest: 0 },
    { what: 'no route', type: 1, code: 0, rest: 0 },
    { what: 'packet too big', type: 2, code: 0, rest: 1280 },
    { what: 'time exceeded', type: 3, code: 0, rest: 0 },
    { what: 'parameter problem', type: 4, code: 1, rest: 40 },
  ],
}

function errorFrame(
  test: Case,
  kind: Kind,
  src: string,
  dst: string,
  quote: Buffer,
  fields: EthernetFields = {},
): Buffer {
  const { type, code, rest } = kind
  const message = (test.version === 4 ? icmp4 : icmp6)({ type, code, rest, payload: quote })
  return ethernet(fields, ipBetween(test.version, src, dst, message))
}

/** What arrives at a program, and what must leave it. `from` is who reports: an end, or a router between. */
interface Way {
  readonly program: Program
  readonly what: string
  readonly seen: (quote: FrameFields) => { readonly src: string; readonly dst: string; readonly quote: Buffer }
  readonly wanted: (quote: FrameFields) => { readonly src: string; readonly dst: string; readonly quote: Buffer }
}

function waysOf(test: Case): Way[] {
  const { client, vip, router } = test
  const backend = test.backend(1)
  const about = (src: string, dst: string, from: typeof client, to: typeof client) => (fields: FrameFields) => ({
    src,
    dst,
    quote: packetBetween(test, from, to, fields),
  })
  return [
    {
      program: 'tc_pod_egress',
      what: 'from the backend to the pod',
      seen: about(backend.address, client.address, client, backend),
      wanted: about(vip.address, client.address, client, vip),
    },
    {
      program: 'tc_pod_egress',
      what: 'from a router to the pod',
      seen: about(router, client.address, client, backend),
      wanted: about(router, client.address, client, vip),
    },
    {
      program: 'tc_pod_ingress',
      what: 'from the pod to the backend',
      seen: about(client.address, vip.address, vip, client),
      wanted: about(client.address, backend.address, backend, client),
    },
  ]
}

function translates(
  t: Test,
  test: Case,
  way: Way,
  kind: Kind,
  fields: FrameFields,
  length: number,
  link: EthernetFields = {},
): void {
  const seen = way.seen(fields)
  const wanted = way.wanted(fields)
  const frame = errorFrame(test, kind, seen.src, seen.dst, seen.quote.subarray(0, length), link)
  const expected = errorFrame(test, kind, wanted.src, wanted.dst, wanted.quote.subarray(0, length), link)
  const outcome = dataplane.run(way.program, frame, { checksumComplete: true })
  passesAs(t, outcome, expected, `${kind.what} ${way.what}, ${length} bytes quoted`)
}

for (const test of CASES) {
  const header = test.version === 4 ? 20 : 40

  t.test(test.name, async t => {
    addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [test.backend(1)] })
    dataplane.run('tc_pod_ingress', frameBetween(test, test.client, test.vip))
    dataplane.run('tc_pod_egress', frameBetween(test, test.backend(1), test.client, { flags: 'SA' }))
    for (const way of waysOf(test)) {
      for (const kind of KINDS[test.version])
        translates(t, test, way, kind, { ttl: 3, payload: Buffer.alloc(101, 7) }, 1500)
      const [kind] = KINDS[test.version]
      // Around the ends of the ports, the checksums and the headers; not 17: half a checksum can't be right.
      for (const extra of [8, 9, 12, 16, 18, 19, 20, 21, 28]) translates(t, test, way, kind!, {}, header + extra)
      translates(t, test, way, kind!, {}, 1500, { tags: [5] })
      const inner = test.version === 4 ? { options: Buffer.alloc(24, 1) } : { extensions: [destinationOptions()] }
      translates(t, test, way, kind!, inner, 1500)
    }
  })

  t.test(`${test.name}: errors about nothing of ours pass untouched`, async t => {
    const [kind] = KINDS[test.version]
    const quote = packetBetween(test, test.client, test.stranger)
    const toPod = errorFrame(test, kind!, test.router, test.client.address, quote)
    passesAs(t, dataplane.run('tc_pod_egress', toPod), toPod, 'to the pod')
    const about = packetBetween(test, test.stranger, test.client)
    const fromPod = errorFrame(test, kind!, test.client.address, test.stranger.address, about)
    passesAs(t, dataplane.run('tc_pod_ingress', fromPod), fromPod, 'from the pod')
  })

  t.test(`${test.name}: a quote without whole ports passes untouched`, async t => {
    const [kind] = KINDS[test.version]
    const quote = packetBetween(test, test.client, test.backend(1))
    for (let length = 0; length < header + 8; length++) {
      const frame = errorFrame(test, kind!, test.router, test.client.address, quote.subarray(0, length))
      passesAs(t, dataplane.run('tc_pod_egress', frame), frame, `${length} bytes quoted`)
    }
  })
}

t.test('a quoted UDP packet without a checksum keeps none', async t => {
  for (const way of waysOf(UDP4)) translates(t, UDP4, way, KINDS[4][0]!, { checksum: 0 }, 1500)
})

t.test('a wrong checksum inside the quote stays wrong and the error stays right', async t => {
  for (const test of CASES) {
    for (const way of waysOf(test)) {
      const seen = way.seen({ checksum: 0x1234 })
      const { frame } = dataplane.run(
        way.program,
        errorFrame(test, KINDS[test.version][0]!, seen.src, seen.dst, seen.quote),
      )
      t.same(
        checkPacket(frame),
        [`quoted ${test.name.slice(0, 3).toLowerCase()} checksum is wrong`],
        describeFully(frame),
      )
    }
  }
})
