// SPDX-License-Identifier: Apache-2.0
/** What this node is called: its primary address, and that of the other family, as kube-proxy finds them. */
import { parseAddress } from '../address.ts'
import type { Node } from '../objects.ts'

/**
 * The primary one first; its family is the node's primary family. At most one of each: of the Node's status, InternalIPs before
 * ExternalIPs. `override`, when not empty, is the primary one whatever the Node says (bindAddress of kube-proxy).
 */
export function nodeIPs(node: Node | null, override: string): string[] {
  const known = [override, ...(node?.addresses ?? [])].flatMap(text => parseAddress(text) ?? [])
  const [first] = known
  const second = known.find(({ family }) => family !== first?.family)
  return [first, second].flatMap(address => address?.text ?? [])
}
