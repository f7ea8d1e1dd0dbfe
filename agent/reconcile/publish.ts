// SPDX-License-Identifier: Apache-2.0
/** The step of a change that clients see: names and frontends in, then those that are no longer wanted out. */
import { addressKey, frontendText } from './keys.ts'
import type { Live } from './live.ts'
import { type Pass, putAddress } from './prepare.ts'

/** `whole`: addresses that no Service port has taken by now go. */
export function publish(pass: Pass, whole: boolean): void {
  const { dataplane, live } = pass
  if (pass.names.length > 0) {
    dataplane.counters.reset(pass.names.map(([id]) => id))
    dataplane.services.updateMany(pass.names)
  }
  for (const port of pass.removed) for (const text of port.frontends) pass.drops.set(text, port.name)
  moveAddresses(pass, whole)
  if (pass.puts.size > 0) dataplane.frontends.updateMany([...pass.puts.values()].map(({ key, value }) => [key, value]))
  for (const [text, frontend] of pass.puts) live.frontends.set(text, frontend)
  dropFrontends(pass)
  if (pass.removed.length > 0) dataplane.services.deleteMany(pass.removed.map(port => port.id))
}

/** The entry of a clusterIP as such comes with its first Service port and goes with its last one. */
function moveAddresses(pass: Pass, whole: boolean): void {
  const { addresses } = pass.live
  const touched = new Set<string>(whole ? addresses.keys() : [])
  for (const { before, after } of pass.prepared) {
    for (const address of after.addresses) addOwner(pass.live, address, after.name)
    for (const address of before?.addresses ?? []) {
      if (!after.addresses.has(address)) addresses.get(address)?.delete(after.name)
      touched.add(address)
    }
    for (const address of after.addresses) touched.add(address)
  }
  for (const port of pass.removed)
    for (const address of port.addresses) {
      addresses.get(address)?.delete(port.name)
      touched.add(address)
    }
  for (const address of touched) settleAddress(pass, address)
}

function addOwner({ addresses }: Live, address: string, name: string): void {
  const owners = addresses.get(address)
  if (owners) owners.add(name)
  else addresses.set(address, new Set([name]))
}

function settleAddress(pass: Pass, address: string): void {
  const owners = pass.live.addresses.get(address)
  if (owners === undefined) return
  if (owners.size > 0) {
    putAddress(pass, address)
  } else {
    pass.live.addresses.delete(address)
    pass.drops.set(frontendText(addressKey(address)), '')
  }
}

/** A frontend that another Service port has taken over stays. */
function dropFrontends({ dataplane, live, drops }: Pass): void {
  const texts = [...drops].filter(([text, owner]) => live.frontends.get(text)?.owner === owner).map(([text]) => text)
  if (texts.length === 0) return
  dataplane.frontends.deleteMany(texts.map(text => live.frontends.get(text)!.key))
  for (const text of texts) live.frontends.delete(text)
}
