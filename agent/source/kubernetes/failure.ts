// SPDX-License-Identifier: Apache-2.0
/** Ways in which an API server does not give what it was asked for. */
import { isMapping, type Raw } from './raw.ts'

/** An answer that no API server gives: a proxy's page, half a document, another kind of object. */
export class Nonsense extends Error {
  override readonly name = 'Nonsense'

  constructor(what: string, answer: string) {
    const begins = answer.length > 60 ? `${answer.slice(0, 60)}...` : answer
    super(`the answer ${what}: ${JSON.stringify(begins)}`)
  }
}

/** What says that it is protobuf can't be read as such: JSON may do better. */
export class Undecodable extends Nonsense {}

/** The server took a parameter and did not do what it says. */
export class Ignored extends Error {
  override readonly name = 'Ignored'
}

/** A Status object, in an answer or in a watch. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  /** As of HTTP. */
  readonly status: number
  /** 0: the server did not say. */
  readonly retryAfterMs: number
  /** The version that was asked for is no more, or not yet: only a list helps. */
  readonly isExpired: boolean

  constructor(status: number, body: Raw, retryAfterMs = 0) {
    super(`${status} ${describe(body) || 'without a reason'}${ADVICE[status] ?? ''}`)
    this.status = status
    this.retryAfterMs = retryAfterMs
    this.isExpired = status === 410 || isTooLarge(body)
  }
}

const ADVICE: Readonly<Record<number, string>> = {
  401: ' (are the credentials of the kubeconfig or the service account right?)',
  403: ' (the user needs the verbs list and watch on services, nodes and endpointslices.discovery.k8s.io)',
  404: ' (Kubernetes 1.21 or newer is needed; is the URL of the server right?)',
}

function describe({ reason, message }: Raw): string {
  const told = [reason, message].filter(part => typeof part === 'string' && part !== '').join(': ')
  return told.length > 200 ? `${told.slice(0, 200)}...` : told
}

/** The server's cache is behind the version: after a restore from a back-up for ever (apimachinery's ResourceVersionTooLarge). */
function isTooLarge({ details }: Raw): boolean {
  const causes = isMapping(details) && Array.isArray(details.causes) ? details.causes : []
  return causes.some(cause => isMapping(cause) && cause.reason === 'ResourceVersionTooLarge')
}

const MAX_RETRY_AFTER_MS = 120_000

/** Retry-After (RFC 9110 section 10.2.3) as milliseconds from now; 0: none. */
export function retryAfter(header: string | undefined): number {
  if (header === undefined) return 0
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now()
  return ms > 0 ? Math.min(ms, MAX_RETRY_AFTER_MS) : 0
}

/** In one line, for people. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Every address of a name was tried (happy eyeballs): the first error speaks for all.
  const [first] = error instanceof AggregateError ? error.errors : []
  const told = first instanceof Error ? first : error
  // What Node advises is about its own options.
  const [message = ''] = told.message.trim().split(/\n|; if the root CA is installed/, 1)
  return `${message || error.name}${TLS_ADVICE['code' in told ? String(told.code) : ''] ?? ''}`
}

const WRONG_CA = " (is the kubeconfig's certificate-authority the one that signed this server's certificate?)"
const WRONG_TIME = ' (is the clock of this node right?)'
/** By Node's codes for what OpenSSL says. */
const TLS_ADVICE: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: WRONG_CA,
  SELF_SIGNED_CERT_IN_CHAIN: WRONG_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: WRONG_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: WRONG_CA,
  CERT_HAS_EXPIRED: WRONG_TIME,
  CERT_NOT_YET_VALID: WRONG_TIME,
  ERR_TLS_CERT_ALTNAME_INVALID: ' (name the server as its certificate does, or set tls-server-name)',
}
