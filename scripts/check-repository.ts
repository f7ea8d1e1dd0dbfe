// SPDX-License-Identifier: Apache-2.0
/**
 * Checks that no other tool makes: licence lines, lengths, names that must not be written down, and the lock file.
 * Prints "file:line: what is wrong and what to do", and exits 1 when there is something.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')
const SKIPPED_FOLDERS = new Set(['.git', '.tap', 'build', 'node_modules', 'results'])
const SOURCE = /\.(?:ts|c|h)$|^scripts\/[^.]+$|(?:^|\/)(?:Makefile|Vagrantfile|evenkeel)$|^\.ci\//
/** Has no comments, or only lists names. */
const WITHOUT_LICENSE_LINE = new Set(['scripts/packages'])
const LICENSE = { program: 'GPL-2.0-only OR BSD-2-Clause', other: 'Apache-2.0' } as const
const MAX_LINES = 400
/** Machines are set up with the registries and mirrors that they may use: no file of ours chooses one. */
const REGISTRY_HOST =
  /\b(?:registry|deb|security|snapshot|archive|proxy)\.(?:npmjs|yarnpkg|nodesource|debian|ubuntu|golang)\./

function* files(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name)) yield* files(path)
    if (entry.isFile()) yield path
  }
}

/** A path of one short part, as containers have, is in too many other words. */
function isTelling(path: string): boolean {
  return path.split('/').length > 2
}

function* checkLines(path: string, lines: readonly string[]): Generator<string> {
  for (const [index, line] of lines.entries()) {
    const where = `${path}:${index + 1}`
    const host = REGISTRY_HOST.exec(line)
    if (host !== null)
      yield `${where}: names a package registry's host ("${host[0]}..."): leave it to the machine's settings`
    if (isTelling(ROOT) && line.includes(ROOT))
      yield `${where}: names this checkout's own path (${ROOT}): make it relative`
  }
}

function* checkSource(path: string, lines: readonly string[]): Generator<string> {
  if (!SOURCE.test(path) || WITHOUT_LICENSE_LINE.has(path)) return
  const license = path.startsWith('bpf/') || path.endsWith('.bpf.c') ? LICENSE.program : LICENSE.other
  const line = lines[0]?.startsWith('#!') ? 2 : 1
  if (!lines[line - 1]?.includes(`SPDX-License-Identifier: ${license}`))
    yield `${path}:${line}: must say "SPDX-License-Identifier: ${license}"`
  if (lines.length > MAX_LINES && !path.includes('.gen.'))
    yield `${path}: has ${lines.length} lines, more than ${MAX_LINES}: split it by what its parts are about`
}

interface LockedPackage {
  readonly resolved?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** `npm ci` refuses a lock file without an entry for every optional package, those of other platforms included. */
function* checkLock(): Generator<string> {
  const file = 'package-lock.json'
  const { packages } = JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as { packages: Record<string, LockedPackage> }
  for (const [name, entry] of Object.entries(packages)) {
    if (entry.resolved !== undefined)
      yield `${file}: ${name} has "resolved": remove it (.npmrc says omit-lockfile-registry-resolved)`
    for (const optional of Object.keys(entry.optionalDependencies ?? {}))
      if (
        packages[`node_modules/${optional}`] === undefined &&
        packages[`${name}/node_modules/${optional}`] === undefined
      )
        yield `${file}: no entry for ${optional}, which ${name} may need on another platform: add it as its siblings are (version, os, cpu, optional)`
  }
}

function* check(): Generator<string> {
  for (const file of files(ROOT)) {
    const path = relative(ROOT, file)
    const lines = readFileSync(file, 'utf8').replace(/\n$/, '').split('\n')
    yield* checkLines(path, lines)
    yield* checkSource(path, lines)
  }
  yield* checkLock()
}

const problems = [...check()]
for (const problem of problems) process.stderr.write(`${problem}\n`)
process.exitCode = problems.length > 0 ? 1 : 0
