// SPDX-License-Identifier: Apache-2.0
/** `evenkeel migrate`: takes away what kube-proxy left on this node once evenkeel serves, and can put it back. */
import { Command, Option } from 'commander'
import { KernelError } from '../kernel/errno.ts'
import { familiesThatDropForwarded } from '../migrate/iptables.ts'
import { findLeftovers, putBack, stepText } from '../migrate/leftovers.ts'
import { runningProxies } from '../migrate/proxies.ts'
import { DEFAULT_FOLDER, markRestored, save, savedFiles } from '../migrate/saved.ts'
import type { Leftover } from '../migrate/steps.ts'
import { MigrateError } from '../migrate/tool.ts'
import { bpffsOption } from './bpffs.ts'
import { type Format, formatTable, outputOption, printJson, UserError } from './output.ts'
import { servingNow } from './serving.ts'

interface Options {
  readonly bpffs: string
  readonly saveTo: string
  readonly output: Format
  readonly force?: boolean
}

export interface Found {
  readonly leftovers: readonly Omit<Leftover, 'remove' | 'step' | 'frontends'>[]
  /** Why `apply` would refuse. */
  readonly obstacles: readonly string[]
  readonly warnings: readonly string[]
}

interface Done {
  readonly done: readonly string[]
  readonly skipped: readonly string[]
  readonly files: readonly string[]
}

export function migrateCommand(): Command {
  return new Command('migrate')
    .description("Takes away what kube-proxy left on this node once evenkeel serves. Touches nobody else's rules.")
    .addCommand(subcommand('check', 'Shows what kube-proxy left, and whether it can go. Changes nothing.', check))
    .addCommand(
      subcommand('apply', 'Saves what kube-proxy left to a file, then removes it.', apply).option(
        '--force',
        'even when evenkeel does not serve all of it, or kube-proxy still runs',
      ),
    )
    .addCommand(subcommand('back', 'Puts back what apply removed, so that kube-proxy can take over again.', back))
    .addHelpText(
      'after',
      `
Exit code of check: 0 nothing is left, or it can go; 1 something has to be done first.

Each works on the network namespace that it runs in: that of the node. docs/migrate.md has the whole way.`,
    )
}

function subcommand(name: string, what: string, action: (options: Options) => void): Command {
  return new Command(name)
    .description(what)
    .addOption(bpffsOption())
    .addOption(new Option('--save-to <folder>', 'where removed rules are kept').default(DEFAULT_FOLDER))
    .addOption(outputOption())
    .action((options: Options) => explained(() => action(options)))
}

function explained(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (error instanceof MigrateError || error instanceof KernelError) throw new UserError(error.message)
    throw error
  }
}

function check(options: Options): void {
  const leftovers = findLeftovers()
  const found: Found = {
    leftovers: leftovers.map(({ kind, where, what, kept }) => ({ kind, where, what, kept })),
    obstacles: obstacles(options, leftovers),
    warnings: warnings(leftovers),
  }
  if (options.output === 'json') printJson(found)
  else process.stdout.write(foundText(found))
  if (leftovers.length > 0 && found.obstacles.length > 0) process.exitCode = 1
}

function obstacles({ bpffs }: Options, leftovers: readonly Leftover[]): string[] {
  const serving = servingNow(bpffs)
  const wanted = [...new Set(leftovers.flatMap(({ frontends }) => frontends))]
  const missing = serving.obstacles.length > 0 ? [] : wanted.filter(frontend => !serving.frontends.has(frontend))
  const proxies = runningProxies().map(
    ({ pid, command }) => `kube-proxy runs (pid ${pid}: ${command}) and would write its rules again: stop it first`,
  )
  return [...proxies, ...serving.obstacles, ...(missing.length > 0 ? [missingText(missing)] : [])]
}

const SHOWN = 5

function missingText(missing: readonly string[]): string {
  const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : ''
  return (
    `kube-proxy's rules serve what evenkeel does not: ${missing.slice(0, SHOWN).join(', ')}${more}. ` +
    'If these Services are gone, its rules are only old: --force'
  )
}

function warnings(leftovers: readonly Leftover[]): string[] {
  const forward = leftovers.some(({ kind, where }) => kind === 'iptables' && where.endsWith('table filter'))
  const dropping = forward ? familiesThatDropForwarded() : []
  return dropping.map(
    family =>
      `chain FORWARD of ${family} drops what no rule accepts, and kube-proxy's KUBE-FORWARD goes: ` +
      'the CNI plugin must accept traffic of pods itself (flannel does, in FLANNEL-FWD)',
  )
}

function foundText({ leftovers, obstacles, warnings }: Found): string {
  if (leftovers.length === 0) return 'Nothing of kube-proxy is left.\n'
  const rows = leftovers.map(({ where, what }) => [where, what])
  const kept = leftovers.flatMap(({ where, kept }) => kept.map(one => `stays: ${where}: ${one}`))
  const verdict = obstacles.length > 0 ? 'It must stay for now.' : "It can go: 'evenkeel migrate apply'."
  return [
    formatTable(['where', 'left by kube-proxy'], rows),
    ...kept,
    ...obstacles.map(one => `not yet: ${one}`),
    ...warnings.map(one => `beware: ${one}`),
    `${verdict}\n`,
  ].join('\n')
}

function apply(options: Options): void {
  const leftovers = findLeftovers()
  const removable = leftovers.filter(({ step }) => step !== undefined)
  const reasons = removable.length > 0 ? obstacles(options, leftovers) : []
  if (reasons.length > 0 && !options.force)
    throw new UserError(`nothing was removed:\n${reasons.map(one => `  ${one}`).join('\n')}`)
  for (const warning of warnings(leftovers)) process.stderr.write(`evenkeel: ${warning}\n`)
  const steps = removable.flatMap(({ step }) => step ?? [])
  const files = steps.length > 0 ? [save(options.saveTo, steps)] : []
  for (const { remove } of removable) remove()
  report(options, 'removed', { done: removable.map(({ where }) => where), skipped: [], files })
}

/** What went last comes first; newer files before older ones. */
function back(options: Options): void {
  const saved = savedFiles(options.saveTo)
  if (saved.length === 0) throw new UserError(`nothing was saved in ${options.saveTo}, so there is nothing to put back`)
  const done: string[] = []
  const skipped: string[] = []
  for (const file of saved) {
    for (const step of file.steps.toReversed()) (putBack(step) ? done : skipped).push(stepText(step))
    markRestored(file)
  }
  report(options, 'put back', { done, skipped, files: saved.map(({ file }) => file) })
}

function report({ output }: Options, verb: string, { done, skipped, files }: Done): void {
  if (output === 'json') {
    printJson({ done, skipped, files })
    return
  }
  const lines = [
    ...done.map(one => `${verb}: ${one}`),
    ...skipped.map(one => `left as it is, kube-proxy's own is there again: ${one}`),
    ...(done.length + skipped.length === 0 ? ['nothing to do'] : []),
    ...files.map(file => (verb === 'removed' ? `saved in ${file}` : `from ${file}`)),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}
