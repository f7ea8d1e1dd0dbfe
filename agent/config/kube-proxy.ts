// SPDX-License-Identifier: Apache-2.0
/** A KubeProxyConfiguration, field by field, as fields of ours. */
import { parseDuration } from './duration.ts'
import { KUBE_PROXY_FIELDS, type Outcome } from './kube-proxy-fields.ts'
import type { KubeProxyFields } from './kube-proxy-schema.ts'
import { isMapping, valueAt } from './paths.ts'

/** What became of a field that was set. With neither `own` nor `ignored`, it asks for what is so anyhow. */
export interface FieldOutcome extends Outcome {
  /** "iptables.syncPeriod" */
  readonly field: string
  readonly value: unknown
  /** The flag that has set it; undefined: the file has. */
  readonly flag?: string | undefined
}

export function convert(fields: KubeProxyFields): FieldOutcome[] {
  return Object.entries(KUBE_PROXY_FIELDS).flatMap(([field, treatment]) => {
    const value = valueAt(fields, field)
    return isSet(field, value) ? [{ field, value, ...treatment(fields) }] : []
  })
}

/** Pointers in Go: false differs from nothing. */
const POINTERS = new Set(['iptables.localhostNodePorts'])

/** Go's zero value is the same as none; kubeadm writes all of them into its ConfigMap. */
function isSet(field: string, value: unknown): boolean {
  if (value === undefined || value === '' || value === 0) return false
  if (value === false) return POINTERS.has(field)
  if (Array.isArray(value)) return value.length > 0
  if (isMapping(value)) return Object.keys(value).length > 0
  return typeof value !== 'string' || !isZero(value)
}

/** "0", "0s", "0h0m0s": of durations and sizes. */
function isZero(text: string): boolean {
  return parseDuration(text) === 0
}
