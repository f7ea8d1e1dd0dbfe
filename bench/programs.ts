// SPDX-License-Identifier: Apache-2.0
/** The programs in C that measurements use. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

const BUILD = join(import.meta.dirname, 'build')

/** Gives the path of what bench/NAME.c becomes. */
export function compileProgram(name: string): string {
  mkdirSync(BUILD, { recursive: true })
  const file = join(BUILD, name)
  execFileSync('cc', ['-O2', '-Wall', '-Werror', '-D_GNU_SOURCE', join(import.meta.dirname, `${name}.c`), '-o', file])
  return file
}
