// SPDX-License-Identifier: Apache-2.0
/**
 * What ingress has led to its backend leaves at once, whatever ek_flows says of its addresses: the upper byte of skb->tc_index tells.
 * Test runs can't set that field, nor show it. So a build of the programs has two lines more, at either end, that exchange it with
 * skb->mark, which they can.
 */
import t, { type Test } from 'tap'
import { build, type Edit } from '../../bench/variants.ts'
import { CASES, type Case, frameBetween } from './cases.ts'
import { type Dataplane, loadDataplane, type Outcome, type Program } from './harness.ts'
import { addService } from './services.ts'
import { passesAs } from './verdicts.ts'

/** EK_LED of bpf/hook_tc.h. */
const LED = 0xe700

/** The program is a function that one calls which takes the field from the mark, and puts it there. */
function exchanging(file: string, program: Program): Edit[] {
  const wrapped = `
SEC("tc")
int ${program}(struct __sk_buff *skb)
{
	int verdict;

	skb->tc_index = skb->mark;
	verdict = real_${program}(skb);
	skb->mark = skb->tc_index;
	return verdict;
}
`
  const license = 'char ek_license[]'
  return [
    { file, from: `SEC("tc")\nint ${program}(`, to: `static __always_inline int real_${program}(` },
    { file, from: license, to: `${wrapped}\n${license}` },
  ]
}

const name = 'with tc_index for the mark'
const TC = build({
  name,
  edits: [...exchanging('tc.bpf.c', 'tc_pod_ingress'), ...exchanging('tc.bpf.c', 'tc_pod_egress')],
})
const UPLINK = build({ name: `${name} at uplinks`, edits: exchanging('uplink.bpf.c', 'tc_uplink_egress') }, 'uplink')

const pods = loadDataplane({ file: TC })
const uplink = loadDataplane({ file: UPLINK, object: 'uplink', shared: pods })
t.teardown(() => {
  uplink.close()
  pods.close()
})

/** Where packets leave this node or reach its pods. */
const EXITS: readonly (readonly [Dataplane, Program])[] = [
  [pods, 'tc_pod_egress'],
  [uplink, 'tc_uplink_egress'],
]

/** A backend that dials a Service itself, which leads to its own client: what it gets back looks like what the client sends it. */
function crossed({ client, vip, backend, proto }: Case) {
  const other = { ...vip, port: 90 }
  addService(pods, { frontends: [{ ...vip, proto }], backends: [backend(1)] })
  addService(pods, { frontends: [{ ...other, proto }], backends: [client] })
  return { client, vip, backend: backend(1), other }
}

function leaves(t: Test, outcome: Outcome, frame: Buffer, index: number, what: string): void {
  passesAs(t, outcome, frame, what)
  t.equal(outcome.skb.mark.toString(16), index.toString(16), `${what}: its tc_index`)
}

for (const test of CASES)
  t.test(test.name, async t => {
    const { client, vip, backend, other } = crossed(test)
    const sent = (index: number) =>
      pods.run('tc_pod_ingress', frameBetween(test, client, vip), { mark: index, checksumComplete: true })
    const led = frameBetween(test, client, backend)
    const renamed = frameBetween(test, other, backend)
    pods.run('tc_pod_ingress', frameBetween(test, backend, other))
    leaves(t, sent(0), led, LED, 'ingress leads it, and says so')
    leaves(t, sent(0x12a5), led, LED | 0xa5, "the lower byte is others'")
    for (const [plane, program] of EXITS) {
      const left = (index: number) => plane.run(program, led, { mark: index, checksumComplete: true })
      for (const index of [LED, LED | 0xa5, LED | 0xff])
        leaves(t, left(index), led, index, `${program} leaves a led one`)
      for (const index of [0, 0x00e7, 0xe600, 0xf700, 0x6700, 0xffff])
        leaves(t, left(index), renamed, index, `${program} names the sender of any other, ${index.toString(16)}`)
    }
  })

for (const test of CASES)
  t.test(`${test.name}: ingress says nothing of what it does not lead, nor of replies`, async t => {
    const { client, stranger, vip, backend } = test
    const frame = frameBetween(test, client, stranger)
    leaves(t, pods.run('tc_pod_ingress', frame, { mark: 0x34 }), frame, 0x34, 'for no Service')
    pods.run('tc_pod_ingress', frameBetween(test, client, vip))
    const reply = pods.run('tc_pod_egress', frameBetween(test, backend(1), client), { mark: 0x34 })
    leaves(t, reply, frameBetween(test, vip, client), 0x34, 'a reply')
  })
