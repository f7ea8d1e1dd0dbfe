// SPDX-License-Identifier: Apache-2.0
/** The step of a change that clients see: names and frontends in, then those that are no longer wanted out. */
import { frontendKeyCodec } from '../kernel/layout.gen.ts'
import { bytesOf, frontendKey, serviceIn } from './keys.ts'
import { admit } from './known-addresses.ts'
import type { FrontendText, Live } from './live.ts'
import { type Pass, putAddress } from './prepare.ts'

/** `whole`: addresses that no Service port has taken by now go. */
export function publish(pass: Pass, whole: boolean): void {
  const { dataplane, live } = pass
  if (pass.names.length > 0) {
    dataplane.counters.reset(pass.names.map(([id]) => id))
    dataplane.services.updateMany(pass.names)
  }
  for (const port of pass.removed) for (const text of port.frontends) pass.drops.set(text, port.id)
  moveAddresses(pass, whole)
  const keys = bytesOf(pass.puts.keys())
  // The address comes first in a key.
  for (let at = 0; at < keys.length; at += frontendKeyCodec.size) admit(dataplane, keys.subarray(at, at + 16))
  if (pass.puts.size > 0) dataplane.frontends.updateEncoded(keys, bytesOf(pass.puts.values()))
  for (const [text, value] of pass.puts) live.frontends.set(text, value)
  dropFrontends(pass)
  if (pass.removed.length > 0) dataplane.services.deleteMany(pass.removed.map(port => port.id))
}

/** The entry of an address as such comes with its first Service port and goes with its last one. */
function moveAddresses(pass: Pass, whole: boolean): void {
  const touched = new Set<FrontendText>(whole ? pass.live.addresses.keys() : [])
  for (const { before, after } of pass.prepared) {
    countAddresses(pass.live, before?.addresses, -1, touched)
    countAddresses(pass.live, after.addresses, 1, touched)
  }
  for (const port of pass.removed) countAddresses(pass.live, port.addresses, -1, touched)
  for (const address of touched) settleAddress(pass, address)
}

function countAddresses(
  { addresses }: Live,
  some: readonly FrontendText[] = [],
  by: number,
  touched: Set<FrontendText>,
): void {
  for (const address of some) {
    addresses.set(address, (addresses.get(address) ?? 0) + by)
    touched.add(address)
  }
}

function settleAddress(pass: Pass, address: FrontendText): void {
  const count = pass.live.addresses.get(address)
  if (count === undefined) return
  if (count > 0) {
    putAddress(pass, address)
  } else {
    pass.live.addresses.delete(address)
    pass.drops.set(address, 0)
  }
}

/** A frontend that another Service port has taken over stays. */
function dropFrontends({ dataplane, live, drops }: Pass): void {
  const isStill = (text: FrontendText, service: number) => {
    const value = live.frontends.get(text)
    return value !== undefined && serviceIn(value) === service
  }
  const texts = [...drops].filter(([text, service]) => isStill(text, service)).map(([text]) => text)
  if (texts.length === 0) return
  dataplane.frontends.deleteMany(texts.map(frontendKey))
  for (const text of texts) live.frontends.delete(text)
}
