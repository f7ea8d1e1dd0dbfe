// SPDX-License-Identifier: Apache-2.0
/** What a person must be told about an API server and its objects. */
import { isDeepStrictEqual } from 'node:util'
import type { Problem } from '../source.ts'
import { reasonOf } from './failure.ts'
import type { Resource } from './resource.ts'

type Name = Resource<unknown>['name']

export interface Complaints {
  /** Undefined: all is well again. */
  readonly onHealth: (name: Name, failure: unknown) => void
  /** Tells all problems, if they are others than before. */
  readonly tell: () => void
}

interface Failure {
  readonly since: Date
  readonly reason: string
}

/** `faults`: objects that can't be used ("Service default/web"), and why. */
export function createComplaints(
  url: string,
  faults: () => Iterable<readonly [string, string]>,
  onProblems: (problems: readonly Problem[]) => void,
): Complaints {
  const failures = new Map<Name, Failure>()
  let told: readonly Problem[] = []

  function tell(): void {
    const now = [...unreachable(url, failures), ...[...faults()].map(unusable)]
    if (isDeepStrictEqual(now, told)) return
    told = now
    onProblems(now)
  }

  return {
    tell,
    onHealth(name, failure) {
      if (failure === undefined) failures.delete(name)
      else failures.set(name, { since: failures.get(name)?.since ?? new Date(), reason: reasonOf(failure) })
      tell()
    },
  }
}

/** One problem for each reason, not for each kind of object. */
function unreachable(url: string, failures: ReadonlyMap<Name, Failure>): readonly Problem[] {
  const byReason = Map.groupBy(failures, ([, { reason }]) => reason)
  return [...byReason].map(([reason, all]) => {
    const names = all.map(([name]) => name).sort()
    const since = new Date(Math.min(...all.map(([, failure]) => failure.since.getTime())))
    const message = `${names.join(', ')} can't be read since ${since.toISOString()}: ${reason}. ${MEANWHILE}`
    return { severity: 'error', where: `API server ${url}`, message, unread: true }
  })
}

const MEANWHILE = 'Until then what is served stays as it is; it is tried again by itself'

function unusable([where, fault]: readonly [string, string]): Problem {
  return { severity: 'error', where, message: `${fault}. It counts as it was when it last could be used, if ever` }
}
