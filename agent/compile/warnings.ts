// SPDX-License-Identifier: Apache-2.0
/** Told to people; never in the way of the rest of the Service. */
import type { ServiceKey } from '../objects.ts'

/** `field` is a path ("spec.externalIPs[0]"), `what` begins with the value and says what was done about it. */
export type Warn = (field: string, what: string) => void

export interface Warnings {
  readonly warn: Warn
  readonly all: readonly string[]
}

/** "Service default/web: spec.externalIPs[0]: "x" is no address: it is left out". */
export function warningsOf(key: ServiceKey): Warnings {
  const all: string[] = []
  return { warn: (field, what) => void all.push(`Service ${key}: ${field}: ${what}`), all }
}
