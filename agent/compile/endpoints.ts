// SPDX-License-Identifier: Apache-2.0
/** The endpoints of a Service, out of its slices. */

import { type Address, compareAddresses, type Family, isUnspecified, parseAddress } from '../address.ts'
import { unpackEndpoints } from '../endpoints.ts'
import type { EndpointSlice, EndpointState, Protocol, ServiceView, SlicePort } from '../objects.ts'
import type { Warn } from './warnings.ts'

/** A slice's endpoints that can be used, with their addresses read. */
export interface ReadSlice {
  readonly family: Family
  readonly ports: readonly SlicePort[]
  readonly endpoints: readonly { readonly address: Address; readonly state: EndpointState }[]
}

/** One address and port that may serve a Service port. */
export interface Candidate {
  readonly address: Address
  readonly port: number
  readonly state: EndpointState
  /** On this node. */
  readonly local: boolean
}

/** In the order of names, so that the order in which slices were learned decides nothing. */
export function readSlices({ slices }: ServiceView, families: readonly Family[], warn: Warn): readonly ReadSlice[] {
  const read: ReadSlice[] = []
  const ordered = slices.length > 1 ? slices.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : slices
  for (const slice of ordered) {
    const family = families.find(family => family === slice.addressType)
    if (family) read.push({ family, ports: slice.ports, endpoints: readEndpoints(slice, family, warn) })
  }
  return read
}

function readEndpoints(slice: EndpointSlice, family: Family, warn: Warn): ReadSlice['endpoints'] {
  const read: { address: Address; state: EndpointState }[] = []
  unpackEndpoints(slice.endpoints).forEach(({ address: text, state }, i) => {
    const address = parseAddress(text)
    if (address?.family === family && !isUnspecified(address)) read.push({ address, state })
    else {
      const field = `EndpointSlice ${slice.name}, endpoints[${i}].addresses[0]`
      warn(field, `${show(text)} is not an ${family} address that can be reached: the endpoint is left out`)
    }
  })
  return read
}

function show(text: string): string {
  return text === '' ? 'nothing' : `"${text}"`
}

export interface PortOfSlices {
  readonly name: string
  readonly protocol: Protocol
  readonly family: Family
}

/**
 * The candidates of a Service port in one family, sorted by address and port, each once. A slice's port belongs to the Service
 * port of its name and protocol; its number may be another in each slice, which is how named target ports are resolved.
 */
export function candidatesOf(slices: readonly ReadSlice[], port: PortOfSlices, nodeName: string): readonly Candidate[] {
  const all: Candidate[] = []
  for (const slice of slices) {
    if (slice.family !== port.family) continue
    for (const { name, protocol, port: number } of slice.ports) {
      if (name !== port.name || protocol !== port.protocol || !number) continue
      for (const { address, state } of slice.endpoints) {
        const local = nodeName !== '' && state.nodeName === nodeName
        all.push({ address, port: number, state, local })
      }
    }
  }
  // As most slices have them: nothing is there twice.
  if (all.every((one, i) => i === 0 || compareCandidates(all[i - 1]!, one) < 0)) return all
  all.sort((a, b) => compareCandidates(a, b) || preference(b) - preference(a))
  return all.filter((one, i) => i === 0 || compareCandidates(one, all[i - 1]!) !== 0)
}

function compareCandidates(a: Candidate, b: Candidate): number {
  return compareAddresses(a.address, b.address) || a.port - b.port
}

/**
 * Which of two copies of an endpoint counts while it moves between slices: as in kube-proxy the local one; after that, where
 * kube-proxy takes either, the one that serves more.
 */
function preference({ local, state }: Candidate): number {
  return (local ? 4 : 0) + (state.ready ? 2 : 0) + (isDraining(state) ? 1 : 0)
}

/** Still serves what is there while it ends: the fall-back where nothing is ready. */
export function isDraining({ serving, terminating }: EndpointState): boolean {
  return serving && terminating
}
