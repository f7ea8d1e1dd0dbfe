// SPDX-License-Identifier: Apache-2.0
/** wrk, a client that asks over HTTP as fast as it is answered. */
import { cpus } from 'node:os'
import type { Lab } from '../lab/lab.ts'

const CONNECTIONS = 8
/** Whole seconds is all that it takes. It is stopped before, unless it was too busy with its start to notice. */
const AT_MOST_SECONDS = 1
/** What `timeout` ends with when it stopped a command (coreutils). */
const TIMED_OUT = 124
/** On a busy machine it may be stopped before it has begun. */
const TRIES = 5

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
export async function runWrk(lab: Lab, where: string, url: string, load: Load): Promise<Loaded> {
  const argv = [
    ...['timeout', '--signal=INT', `${load.milliseconds / 1_000}`, 'taskset', '--cpu-list', `${cpus().length - 1}`],
    ...['wrk', '--threads', '1', '--connections', `${CONNECTIONS}`, '--duration', `${AT_MOST_SECONDS}s`],
    ...(load.close ? ['--header', 'Connection: close'] : []),
    url,
  ]
  for (let i = 0; i < TRIES; i++) {
    const { code, stdout, stderr } = await lab.exec(where, argv)
    const failed = /Socket errors.*|Non-2xx.*/.exec(stdout)?.[0]
    if (failed !== undefined || (code !== 0 && code !== TIMED_OUT))
      throw new Error(`wrk ${url} in ${where}: ${failed ?? `code ${code}: ${stderr.trim() || stdout.trim()}`}`)
    const requests = Number(/^\s*(\d+) requests in /m.exec(stdout)?.[1] ?? 0)
    if (requests > 0) return { perSecond: Number(/^Requests\/sec:\s+([\d.]+)/m.exec(stdout)?.[1]), requests }
  }
  throw new Error(`wrk ${url} in ${where}: not one answer, ${TRIES} times: give it more --milliseconds`)
}
