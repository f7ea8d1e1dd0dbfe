// SPDX-License-Identifier: Apache-2.0
/** Which Evenkeel this is. */
import { readFileSync } from 'node:fs'

export const VERSION: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
