// SPDX-License-Identifier: Apache-2.0
/** Very many endpoints in little memory: their addresses are one text, and what else is told of them is shared by all that are alike. */
import type { Endpoint, EndpointState, PackedEndpoints } from './objects.ts'

export function packEndpoints(endpoints: readonly Endpoint[]): PackedEndpoints {
  return {
    addresses: endpoints.map(({ address }) => (address.includes('\n') ? '?' : address)).join('\n'),
    states: endpoints.map(({ state }) => sharedState(state)),
  }
}

export function unpackEndpoints({ addresses, states }: PackedEndpoints): readonly Endpoint[] {
  if (states.length === 0) return []
  return addresses.split('\n').map((address, i) => ({ address, state: states[i]! }))
}

const MAX_NODES = 65_536
const MAX_OF_NODE = 64
/** By node: what differs there is little. */
const shared = new Map<string, EndpointState[]>()

function sharedState(state: EndpointState): EndpointState {
  const known = shared.get(state.nodeName)
  const found = known?.find(one => isSame(one, state))
  if (found !== undefined) return found
  if (known !== undefined && known.length < MAX_OF_NODE) {
    known.push(state)
    return state
  }
  // Too many come of nodes that have gone, or of hints that are all different: those that are in use are soon known again.
  if (shared.size >= MAX_NODES) shared.clear()
  shared.set(state.nodeName, [state])
  return state
}

function isSame(a: EndpointState, b: EndpointState): boolean {
  return (
    a.ready === b.ready &&
    a.serving === b.serving &&
    a.terminating === b.terminating &&
    a.zone === b.zone &&
    sameTexts(a.zoneHints, b.zoneHints) &&
    sameTexts(a.nodeHints, b.nodeHints)
  )
}

function sameTexts(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return a === b || (a !== undefined && a.length === b?.length && a.every((text, i) => text === b[i]))
}
