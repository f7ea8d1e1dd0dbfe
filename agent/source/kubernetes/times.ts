// SPDX-License-Identifier: Apache-2.0
/** How long things may take, in milliseconds unless the name says otherwise. */

export interface Times {
  /** Until the head of an answer, and between the parts of a list. */
  readonly answer: number
  /** A watch without a byte for so long is given up. Servers send a bookmark every minute. */
  readonly idle: number
  /** Until all that there is has come at the beginning of a watch, for servers that should send it and do not say so. */
  readonly initialEvents: number
  /** A watch is ended by the server after so long, or up to twice that: the load is spread, and so are agents over servers. */
  readonly watchSeconds: number
  /** A watch that ended sooner counts as a failure: no busy loop with a server that ends them all. */
  readonly shortWatch: number
  readonly firstRetry: number
  readonly maxRetry: number
  /** After failing for so long, all is listed anew: the server may have been restored from a back-up. */
  readonly outage: number
  /** Changes are gathered for so long before they are told. */
  readonly batch: number
}

export const TIMES: Times = {
  answer: 30_000,
  idle: 150_000,
  initialEvents: 30_000,
  watchSeconds: 300,
  shortWatch: 1_000,
  firstRetry: 500,
  maxRetry: 30_000,
  outage: 30_000,
  batch: 10,
}
