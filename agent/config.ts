// SPDX-License-Identifier: Apache-2.0
/** The agent's configuration: from its file, of ours and of kube-proxy's kind, and from flags. */
import { readConfiguration } from './config/read.ts'
import type { Config } from './config/schema.ts'

export { ConfigError } from './config/errors.ts'
export { readConfiguration } from './config/read.ts'
export type { Config } from './config/schema.ts'

/** Reads and checks a file. Throws ConfigError that names every field that is wrong. */
export function readConfig(file: string): Config {
  return readConfiguration({ file }).config
}

export function defaultConfig(): Config {
  return readConfiguration({}).config
}
