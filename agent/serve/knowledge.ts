// SPDX-License-Identifier: Apache-2.0
/** What the agent knows of one Service, as `evenkeel explain` asks for it. */
import type { CompileContext } from '../compile/context.ts'
import { editDistance } from '../edit-distance.ts'
import type { ServiceKey, ServiceView } from '../objects.ts'
import type { Driver } from '../reconcile/driver.ts'

export interface Knowledge {
  /** Of this node. */
  readonly context: CompileContext
  /** null: the source told of no such Service. */
  readonly view: ServiceView | null
  /** What stands now against it, as the log has it. */
  readonly complaints: readonly string[]
  /** Services whose names are about the same. */
  readonly similar: readonly ServiceKey[]
}

/** `problems`: of the source, each a line. */
export function knowledgeOf(key: ServiceKey, desired: Driver['desired'], problems: readonly string[]): Knowledge {
  return {
    context: desired.context,
    view: desired.view(key) ?? null,
    complaints: [...desired.warnings(), ...problems].filter(line => isAbout(line, key)),
    similar: similarTo(key, desired.keys()),
  }
}

/** "Service a/b: ..."; slices are most often called after their Service. */
function isAbout(line: string, key: ServiceKey): boolean {
  return [`Service ${key}:`, `Service ${key},`, `Service ${key} `, `Endpoints ${key}:`, `EndpointSlice ${key}-`].some(
    start => line.includes(start),
  )
}

const SHOWN = 5

function similarTo(key: ServiceKey, keys: Iterable<ServiceKey>): ServiceKey[] {
  const name = nameOf(key)
  const near = [...keys].filter(other => other !== key && (nameOf(other) === name || editDistance(other, key) <= 2))
  return near.sort().slice(0, SHOWN)
}

function nameOf(key: ServiceKey): string {
  return key.slice(key.indexOf('/') + 1)
}
