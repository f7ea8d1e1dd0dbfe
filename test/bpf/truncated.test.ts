// SPDX-License-Identifier: Apache-2.0
/** A packet that ends too early, at any byte, is never mangled: it leaves as it came, dropped, or translated and right. */
import t, { type Test } from 'tap'
import { describeFully } from '../packet/describe.ts'
import { ethernet } from '../packet/ethernet.ts'
import { destinationOptions, fragmentHeader, hopByHop } from '../packet/extension.ts'
import { icmp4 } from '../packet/icmp4.ts'
import { icmp6 } from '../packet/icmp6.ts'
import {
  CASES,
  type Case,
  type FrameFields,
  frameBetween,
  ipBetween,
  packetBetween,
  SCTP4,
  SCTP6,
  TCP4,
  UDP4,
} from './cases.ts'
import { loadDataplane, type Program, shortestRun, VERDICT } from './harness.ts'
import { addService } from './services.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

/** Every kind of packet of a case that the programs would translate or refuse. */
function frames(test: Case): Record<string, Buffer> {
  const { client, vip, router } = test
  const icmp =
    test.version === 4
      ? icmp4({ type: 3, code: 3, payload: packetBetween(test, client, test.backend(1)) })
      : icmp6({ type: 1, code: 4, payload: packetBetween(test, client, test.backend(1)) })
  const variants: Record<string, FrameFields> =
    test.version === 4
      ? { plain: {}, options: { options: Buffer.alloc(40, 1) }, tagged: { tags: [5, 6] } }
      : {
          plain: {},
          tagged: { tags: [5, 6] },
          extensions: { extensions: [hopByHop(), destinationOptions(Buffer.alloc(14))] },
          fragment: { extensions: [fragmentHeader({ id: 5, offset: 0, more: true })] },
        }
  const plain = Object.entries(variants).map(
    ([name, fields]) => [name, frameBetween(test, client, vip, fields)] as const,
  )
  return {
    ...Object.fromEntries(plain),
    refused: frameBetween(test, client, { ...vip, port: 81 }),
    error: ethernet({}, ipBetween(test.version, router, client.address, icmp)),
  }
}

/** The IP length field tells of bytes that are not there, so nothing may be done but to pass the packet on or drop it. */
function isUnharmed(t: Test, program: Program, cut: Buffer, what: string): void {
  const outcome = dataplane.run(program, cut)
  if (outcome.verdict === VERDICT.SHOT) return
  if (outcome.verdict === VERDICT.PASS && outcome.frame.equals(cut)) return
  t.fail(`${what}: verdict ${outcome.verdict}\n${describeFully(cut)}\nbecame\n${describeFully(outcome.frame)}`)
}

for (const test of [...CASES, SCTP4, SCTP6]) {
  t.test(test.name, async t => {
    addService(dataplane, {
      frontends: [{ ...test.vip, proto: test.proto }],
      backends: [{ ...test.backend(1), port: 80 }],
    })
    dataplane.run('tc_pod_ingress', frameBetween(test, test.client, test.vip))
    let cuts = 0
    for (const [name, frame] of Object.entries(frames(test))) {
      for (let length = shortestRun(frame); length < frame.length; length++) {
        for (const program of ['tc_pod_ingress', 'tc_pod_egress'] as const) {
          isUnharmed(t, program, frame.subarray(0, length), `${name} cut to ${length} bytes`)
          cuts++
        }
      }
    }
    t.ok(cuts > 300, `${cuts} cut packets`)
  })

  t.test(`${test.name}: lengths in headers that say too little or too much`, async t => {
    for (const [name, frame] of Object.entries(frames(test)).filter(([name]) => name !== 'tagged')) {
      const at = test.version === 4 ? 16 : 18
      const right = frame.readUInt16BE(at)
      for (const length of [1, 7, 19, 20, 21, 27, 28, right + 1, right + 100, 0xffff]) {
        if (length === right) continue
        const broken = Buffer.from(frame)
        broken.writeUInt16BE(length, at)
        if (length < right) isNotCorrupted(t, broken, `${name}, length ${length} of ${right}`)
        else isUnharmed(t, 'tc_pod_ingress', broken, `${name}, length ${length} of ${right}`)
      }
    }
    t.pass('none was mangled')
  })
}

/** With bytes behind its end a packet may still be translated: those bytes are no part of it and stay. */
function isNotCorrupted(t: Test, frame: Buffer, what: string): void {
  const { verdict, frame: out } = dataplane.run('tc_pod_ingress', frame)
  if (verdict === VERDICT.PASS && out.length !== frame.length)
    t.fail(`${what}: ${describeFully(frame)}\n${describeFully(out)}`)
}

t.test('a header that is longer than the frame, under a total length of zero (BIG TCP)', async t => {
  for (const test of [TCP4, UDP4]) {
    const frame = frameBetween(test, test.client, test.vip, { options: Buffer.alloc(40, 1) })
    for (const fragment of [0, 0x2000, 0x0002]) {
      frame.writeUInt16BE(0, 16)
      frame.writeUInt16BE(fragment, 20)
      for (const length of [34, 40, 60, 73]) {
        isUnharmed(
          t,
          'tc_pod_ingress',
          frame.subarray(0, length),
          `${test.name}, fragment field ${fragment}, ${length} bytes`,
        )
      }
    }
  }
  // With known ports a later fragment needs nothing of the header but the addresses.
  const first = frameBetween(UDP4, UDP4.client, UDP4.vip, { id: 9 })
  first.writeUInt16BE(0x2000, 20)
  dataplane.run('tc_pod_ingress', first)
  const later = Buffer.from(first.subarray(0, 44))
  later[14] = 0x4f
  later.writeUInt16BE(0, 16)
  later.writeUInt16BE(0x0002, 20)
  isUnharmed(t, 'tc_pod_ingress', later, 'a later fragment')
})
