// SPDX-License-Identifier: Apache-2.0
/** The addresses of very many Services leave those of pods alone: nearly all of these pass at a look. */
import t from 'tap'
import { addressBytes } from '../../agent/kernel/address.ts'
import { addressBit } from '../../agent/reconcile/known-addresses.ts'

const SERVICES = 50_000
const PODS = 16_384

const ranges = {
  'IPv4, neighbouring ranges': [v4(97), v4(96)],
  'IPv4, ranges apart': [v4(97), v4(244)],
  IPv6: [v6('fd00:96'), v6('fd00:244')],
} as const

for (const [name, [service, pod]] of Object.entries(ranges))
  t.test(name, async t => {
    const bits = new Set(Array.from({ length: SERVICES }, (_, n) => addressBit(addressBytes(service(n)))))
    t.ok(bits.size > 0.95 * SERVICES, `${bits.size} bits for ${SERVICES} Services`)
    const known = Array.from({ length: PODS }, (_, n) => addressBit(addressBytes(pod(n)))).filter(bit => bits.has(bit))
    t.ok(known.length < 0.05 * PODS, `${known.length} of ${PODS} pods are taken for Services`)
  })

function v4(network: number): (n: number) => string {
  return n => `10.${network + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`
}

function v6(network: string): (n: number) => string {
  return n => `${network}::${n.toString(16)}`
}
