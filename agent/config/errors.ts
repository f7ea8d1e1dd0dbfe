// SPDX-License-Identifier: Apache-2.0
/** A configuration that can't be used. */

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  /** Each names a field, and says why it is wrong. */
  readonly problems: readonly string[]
  constructor(where: string, problems: readonly string[]) {
    super(`${where}:\n${problems.map(problem => `  ${problem}`).join('\n')}`)
    this.problems = problems
  }
}
