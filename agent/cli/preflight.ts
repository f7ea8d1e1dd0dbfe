// SPDX-License-Identifier: Apache-2.0
/** `evenkeel preflight`: tries on this node all that the agent will need. */
import { Command } from 'commander'
import type { Finding } from '../preflight/finding.ts'
import { preflight } from '../preflight/preflight.ts'
import { configOf } from './config-option.ts'
import { type Format, formatTable, outputOption, printJson } from './output.ts'

interface Options {
  readonly config?: string
  readonly strict?: boolean
  readonly output: Format
}

export function preflightCommand(): Command {
  return new Command('preflight')
    .description('Tries on this node all that the agent will need, and says what it means where something is missing.')
    .option('--config <file>', "the agent's configuration: what is needed depends on it")
    .option('--strict', 'exit with 1 on warnings, too')
    .addOption(outputOption())
    .addHelpText(
      'after',
      `
Exit code: 0 it will work, perhaps with warnings; 1 it won't, as it is configured; 2 wrong usage.

Nothing stays: maps and programs are made and closed, devices are tried in a network namespace of their own.`,
    )
    .action(run)
}

async function run({ config, strict, output }: Options): Promise<void> {
  const findings = await preflight(configOf(config))
  if (output === 'json') printJson(findings)
  else process.stdout.write(preflightText(findings))
  const bad = findings.some(({ verdict }) => verdict === 'failed' || (strict && verdict === 'warning'))
  if (bad) process.exitCode = 1
}

/** A table of all, then a paragraph for each that is not ok. */
function preflightText(findings: readonly Finding[]): string {
  const rows = findings.map(({ name, verdict, found }) => [name, verdict, verdict === 'ok' ? found : 'see below'])
  const troubles = findings.filter(({ verdict }) => verdict !== 'ok')
  const paragraphs = troubles.map(
    ({ name, verdict, found, consequence, remedy }) => `${verdict}: ${name}: ${found}\n  ${consequence}\n  ${remedy}\n`,
  )
  return [formatTable(['check', 'verdict', 'found'], rows), ...paragraphs, `${verdictText(troubles)}\n`].join('\n')
}

function verdictText(troubles: readonly Finding[]): string {
  const failed = troubles.filter(({ verdict }) => verdict === 'failed').length
  if (failed > 0) return `It won't work here as configured: ${failed} failed.`
  return troubles.length > 0 ? `It will work here, with ${troubles.length} warnings.` : 'It will work here.'
}
