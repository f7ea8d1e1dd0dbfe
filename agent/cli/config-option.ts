// SPDX-License-Identifier: Apache-2.0
/** The configuration that a command is given, or the default. */
import { type Config, ConfigError, defaultConfig, readConfig } from '../config.ts'
import { UserError } from './output.ts'

/** Throws UserError. */
export function configOf(file: string | undefined): Config {
  try {
    return file === undefined ? defaultConfig() : readConfig(file)
  } catch (error) {
    if (error instanceof ConfigError) throw new UserError(error.message, 2)
    throw error
  }
}
