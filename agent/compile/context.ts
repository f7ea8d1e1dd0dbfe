// SPDX-License-Identifier: Apache-2.0
/** What compile/ knows besides the Service: the node that it compiles for. */

import type { Family } from '../address.ts'
import type { Node } from '../objects.ts'

export interface CompileContext {
  /** Endpoints on this node are the local ones. Empty: none is. */
  readonly nodeName: string
  /** The own Node, for its zone; null: unknown. */
  readonly node: Node | null
  /** Families that this node serves; default both. */
  readonly families?: readonly Family[]
  /** Serve Services that carry this value of service.kubernetes.io/service-proxy-name; empty: none that carry the label. */
  readonly serviceProxyName: string
  /** false: externalIPs of Services are not served. Default true. */
  readonly externalIPs?: boolean
  /** Backends elsewhere answer outside clients directly, unless the Service says otherwise. Default false. */
  readonly dsr?: boolean
}
