// SPDX-License-Identifier: Apache-2.0
/** The configuration that a command is given, or the default. */
import type { Reading } from '../config/read.ts'
import { type Config, ConfigError, readConfiguration } from '../config.ts'
import { UserError } from './output.ts'

/** Throws UserError. */
export function configOf(file: string | undefined): Config {
  return readingOf(() => readConfiguration({ file })).config
}

/** Throws UserError for ConfigError. */
export function readingOf(read: () => Reading): Reading {
  try {
    return read()
  } catch (error) {
    if (error instanceof ConfigError) throw new UserError(error.message, 2)
    throw error
  }
}
