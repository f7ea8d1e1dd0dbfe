// SPDX-License-Identifier: Apache-2.0
/** wrk, a client that asks over HTTP as fast as it is answered. */
import { cpus } from 'node:os'
import type { Lab } from '../lab/lab.ts'

const CONNECTIONS = 8
/** Whole seconds is all that it takes: it is stopped long before. */
const AT_MOST_SECONDS = 30

export interface Load {
  /** A connection for each request. */
  readonly close: boolean
  readonly milliseconds: number
}

export interface Loaded {
  readonly perSecond: number
  readonly requests: number
}

/** Bound to the server's processor, as other clients here are. */
export async function runWrk(lab: Lab, where: string, url: string, { close, milliseconds }: Load): Promise<Loaded> {
  const { code, stdout, stderr } = await lab.exec(where, [
    ...['timeout', '--signal=INT', `${milliseconds / 1_000}`, 'taskset', '--cpu-list', `${cpus().length - 1}`],
    ...['wrk', '--threads', '1', '--connections', `${CONNECTIONS}`, '--duration', `${AT_MOST_SECONDS}s`],
    ...(close ? ['--header', 'Connection: close'] : []),
    url,
  ])
  const rate = /^Requests\/sec:\s+([\d.]+)/m.exec(stdout)?.[1]
  const requests = /^\s*(\d+) requests in /m.exec(stdout)?.[1]
  const failed = /Socket errors.*|Non-2xx.*/.exec(stdout)?.[0]
  if (rate === undefined || requests === undefined || failed !== undefined)
    throw new Error(`wrk ${url} in ${where}: ${failed ?? `code ${code}: ${stderr.trim() || stdout.trim()}`}`)
  return { perSecond: Number(rate), requests: Number(requests) }
}
