// SPDX-License-Identifier: Apache-2.0
/** What is there is not what this version of the agent works with. The kernel did nothing wrong: there is no errno. */
export class MismatchError extends Error {
  override readonly name = 'MismatchError'
  /** What to do about it. */
  readonly hint: string
  constructor(message: string, hint: string) {
    super(`${message}. ${hint}`)
    this.hint = hint
  }
}
