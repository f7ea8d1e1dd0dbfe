// SPDX-License-Identifier: Apache-2.0
/** How the whole state is read: by a watch that begins with it where the server can do that, else by a list. */
import { Ignored, Refusal } from './failure.ts'

export interface Whole {
  readonly byWatch: () => boolean
  /** A watch that was to bring the whole state failed. True: a list is to be tried at once, and nothing is wrong. */
  readonly onFailure: (error: unknown) => boolean
  readonly onListed: () => void
}

/** Bad Request and Unprocessable Content: the server does not know the parameters, or has the feature switched off. */
const UNKNOWN = [400, 422]

export function createWhole(): Whole {
  let byWatch = true
  let isKnown = true
  return {
    byWatch: () => byWatch,
    onFailure(error) {
      // Whatever else is wrong, the next try is a list: some proxies and servers can do nothing else.
      byWatch = false
      const isUnknown = error instanceof Ignored || (error instanceof Refusal && UNKNOWN.includes(error.status))
      if (isUnknown) isKnown = false
      return isUnknown
    },
    // A list succeeded where a watch had failed: the next whole state is tried by a watch again, if the server knows it.
    onListed() {
      byWatch = isKnown
    },
  }
}
