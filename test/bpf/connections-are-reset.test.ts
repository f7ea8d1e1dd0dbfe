// SPDX-License-Identifier: Apache-2.0
/** Where nobody serves, a SYN is answered by a RST from the address that it dialled: connect() fails at once, over a veth too. */
import t from 'tap'
import { checkPacket } from '../packet/check.ts'
import { describeFully } from '../packet/describe.ts'
import { CLIENT_MAC, ethernet, NODE_MAC } from '../packet/ethernet.ts'
import { destinationOptions } from '../packet/extension.ts'
import { tcp } from '../packet/tcp.ts'
import { type Case, type FrameFields, ipBetween, TCP4, TCP6 } from './cases.ts'
import { loadDataplane } from './harness.ts'
import { addService } from './services.ts'
import { sentAs } from './verdicts.ts'

const dataplane = loadDataplane()
t.teardown(() => dataplane.close())

const NONE = Buffer.alloc(0)

function syn({ client, vip }: Case, options: Buffer, more: { seq?: number; flags?: string; checksum?: number } = {}) {
  return tcp({
    sport: client.port,
    dport: vip.port,
    flags: 'S',
    seq: 7,
    window: 64_240,
    options,
    payload: NONE,
    ...more,
  })
}

/** Seq 0, ack one more than the SYN's number (RFC 9293 3.5.2); the IP header's options stay. */
function reset({ client, vip, version }: Case, ack: number, fields: FrameFields = {}): Buffer {
  const answer = tcp({ sport: vip.port, dport: client.port, flags: 'RA', seq: 0, ack, window: 0, payload: NONE })
  return ethernet({ src: NODE_MAC, dst: CLIENT_MAC }, ipBetween(version, vip.address, client.address, answer, fields))
}

for (const test of [TCP4, TCP6]) {
  addService(dataplane, { frontends: [{ ...test.vip, proto: test.proto }], backends: [] })
  const send = (message: ReturnType<typeof tcp>, fields: FrameFields = {}, complete = false) =>
    dataplane.run(
      'tc_pod_ingress',
      ethernet({}, ipBetween(test.version, test.client.address, test.vip.address, message, { ttl: 17, ...fields })),
      { checksumComplete: complete },
    )

  t.test(`${test.name}: a SYN is reset, whatever its options and sequence number`, async t => {
    for (const length of [0, 4, 20, 40])
      for (const seq of [0, 7, 0xffffffff]) {
        const outcome = send(syn(test, Buffer.alloc(length, 1), { seq }), {}, length === 0)
        sentAs(t, outcome, reset(test, (seq + 1) >>> 0), `${length} bytes of options, seq ${seq}`)
        t.same(checkPacket(outcome.frame), [], describeFully(outcome.frame))
      }
  })

  t.test(`${test.name}: behind options and extension headers`, async t => {
    const fields: FrameFields =
      test.version === 4 ? { options: Buffer.alloc(12, 1) } : { extensions: [destinationOptions(Buffer.alloc(14))] }
    const outcome = send(syn(test, Buffer.alloc(8, 1)), fields)
    sentAs(t, outcome, reset(test, 8, fields), 'they stay')
  })

  t.test(`${test.name}: a wrong checksum stays wrong`, async t => {
    const outcome = send(syn(test, Buffer.alloc(8, 1), { checksum: 0x1234 }))
    t.ok(checkPacket(outcome.frame).length > 0, describeFully(outcome.frame))
  })
}
