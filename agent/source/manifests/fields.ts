// SPDX-License-Identifier: Apache-2.0
/** The zod schemas of single fields, as strict as the API server, each refusal saying what would be right. */
import { z } from 'zod'
import type { Protocol } from '../../objects.ts'
import { canonicalAddress, canonicalCIDR, specialRange } from './address.ts'
import { show } from './issue.ts'

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
/** IANA service name (RFC 6335 §5.1), in lower case: what a container port may be called. */
const PORT_NAME = /^(?=.{1,15}$)(?!.*--)(?=.*[a-z])[a-z0-9]([-a-z0-9]*[a-z0-9])?$/

/** A field of type T that `test` accepts; `wanted` completes "…: VALUE is not WANTED". */
function field<T>(test: (value: unknown) => boolean, wanted: string): z.ZodType<T> {
  return z.custom<T>(test, {
    abort: true,
    error: issue =>
      issue.input === undefined ? `is missing: give ${wanted}` : `${show(issue.input)} is not ${wanted}`,
  })
}

function text(pattern: RegExp, longest: number, wanted: string): z.ZodType<string> {
  return field<string>(v => typeof v === 'string' && v.length <= longest && pattern.test(v), wanted)
}

export const dnsLabel = text(DNS_LABEL, 63, 'a name of at most 63 lower-case letters, digits and "-"')
export const dnsSubdomain = text(DNS_SUBDOMAIN, 253, 'a name of at most 253 lower-case letters, digits, "-" and "."')
export const portNumber = integer(1, 65535, 'a port: a number from 1 to 65535 (without quotes)')
export const protocol = oneOf<Protocol>(['TCP', 'UDP', 'SCTP'])

export function integer(least: number, most: number, wanted: string): z.ZodType<number> {
  return field<number>(v => Number.isInteger(v) && (v as number) >= least && (v as number) <= most, wanted)
}

export function oneOf<T extends string>(values: readonly T[]): z.ZodType<T> {
  const wanted = values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`
  return field<T>(v => (values as readonly unknown[]).includes(v), wanted)
}

/** A port's number, or the name of a container port. */
export const portOrName = field<number | string>(
  v =>
    typeof v === 'string' ? PORT_NAME.test(v) : Number.isInteger(v) && (v as number) >= 1 && (v as number) <= 65535,
  'a port: a number from 1 to 65535 (without quotes), or the name of a container port (at most 15 of a-z, 0-9 and "-", one letter at least)',
)

const isAddress = (v: unknown): boolean => typeof v === 'string' && canonicalAddress(v) !== undefined

export const ipAddress = field<string>(isAddress, 'an IP address such as 10.0.0.1 or fd00::1').transform(canonical)

/** An address that a packet can be sent to: not loopback, link-local, multicast or unspecified. */
export const reachableAddress = ipAddress.superRefine((address, context) => {
  const special = specialRange(address)
  if (special !== undefined) context.addIssue(`${address} is ${special}, which nobody else can reach: give another`)
})

export const cidr = field<string>(
  v => typeof v === 'string' && canonicalCIDR(v) !== undefined,
  'a range such as 10.0.0.0/8 or fd00::/8',
).transform(v => canonicalCIDR(v) ?? v)

function canonical(address: string): string {
  return canonicalAddress(address) ?? address
}

const labels = z.record(z.string(), z.string()).nullish()

export const metadata = z.object({
  namespace: dnsLabel.nullish(),
  uid: z.string().nullish(),
  labels,
  annotations: labels,
  creationTimestamp: z.string().nullish(),
  deletionTimestamp: z.string().nullish(),
})

export const stringMap = labels

/** Milliseconds since the epoch; 0 when unknown. */
export function timeOf(timestamp: string | null | undefined): number {
  const time = Date.parse(timestamp ?? '')
  return Number.isNaN(time) ? 0 : time
}
