// SPDX-License-Identifier: Apache-2.0
/** How replies of backends on other nodes get back to clients outside. */
import type { Service } from '../objects.ts'
import type { Warn } from './warnings.ts'

const FORWARDING_ANNOTATION = 'evenkeel.io/forwarding'
/** Directly from the backend's node, or through the node that was dialled. */
const FORWARDINGS = ['dsr', 'snat'] as const
export type Forwarding = (typeof FORWARDINGS)[number]

export function forwardingOf({ annotations }: Service, dsr: boolean, warn: Warn): Forwarding {
  const preset = dsr ? 'dsr' : 'snat'
  const text = annotations[FORWARDING_ANNOTATION]
  if (text === undefined) return preset
  const found = FORWARDINGS.find(forwarding => forwarding === text)
  if (found === undefined)
    warn(
      `metadata.annotations["${FORWARDING_ANNOTATION}"]`,
      `"${text}" is neither dsr nor snat: ${preset} is used, as for Services without the annotation; write one of the two, or remove it`,
    )
  return found ?? preset
}
