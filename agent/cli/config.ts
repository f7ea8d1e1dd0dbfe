// SPDX-License-Identifier: Apache-2.0
/** `evenkeel config`: what a configuration file means, and what may be in one. */
import { Command, Option } from 'commander'
import { jsonSchema, SCHEMAS, type SchemaKind } from '../config/json-schema.ts'
import type { FieldOutcome } from '../config/kube-proxy.ts'
import { givenPaths, valueAt } from '../config/paths.ts'
import { type Reading, readConfiguration } from '../config/read.ts'
import { KIND } from '../config/schema.ts'
import { type Config, ConfigError } from '../config.ts'
import { addKubeProxyFlags, type FlagOptions, flagsOf } from './kube-proxy-flags.ts'
import { type Format, outputOption, printJson, printTable } from './output.ts'

export function configCommand(): Command {
  return new Command('config')
    .description("Checks configuration files, kube-proxy's and ours.")
    .addCommand(checkCommand())
    .addCommand(schemaCommand())
}

function checkCommand(): Command {
  const command = new Command('check')
    .description("Checks a file, and prints what each field and flag of kube-proxy's becomes.")
    .argument('<file>', 'YAML, of one document or several, or the ConfigMap that holds it; "-": standard input')
    .addOption(outputOption())
    .option('--kubeconfig <file>', 'as for run')
    .addHelpText(
      'after',
      `
Warnings and errors go to standard error; the exit code is 1 when there is an error. With -o json all is in the output, with
the whole configuration. Touches nothing.

Examples:
  evenkeel config check /etc/evenkeel/config.yaml
  kubectl -n kube-system get configmap kube-proxy -o yaml | evenkeel config check -`,
    )
    .action(check)
  return addKubeProxyFlags(command)
}

function schemaCommand(): Command {
  return new Command('schema')
    .description('Prints the JSON Schema of a configuration file.')
    .addOption(new Option('--kind <kind>', 'of which kind').choices(Object.keys(SCHEMAS)).default(KIND))
    .addHelpText('after', '\nExample:\n  evenkeel config schema > evenkeel.schema.json')
    .action(({ kind }: { readonly kind: SchemaKind }) => printJson(jsonSchema(kind)))
}

interface CheckOptions extends FlagOptions {
  readonly output: Format
}

/** Part of the command's interface: fields are added, not changed. */
interface Checked {
  readonly file: string
  readonly valid: boolean
  /** Of kube-proxy's, those that are set. */
  readonly fields: readonly CheckedField[]
  readonly warnings: readonly string[]
  readonly errors: readonly string[]
  /** With all defaults; null: the file is not valid. */
  readonly config: Config | null
}

interface CheckedField {
  /** "iptables.syncPeriod" */
  readonly field: string
  /** "--cluster-cidr"; empty: the file has set it. */
  readonly flag: string
  readonly value: unknown
  /** Fields of ours; null: it has no effect, or asks for what is so anyhow. */
  readonly became: object | null
  /** Why it has no effect; empty: it has. */
  readonly ignored: string
}

function check(file: string, options: CheckOptions): void {
  const checked = checkFile(file, options)
  if (options.output === 'json') printJson(checked)
  else {
    if (checked.fields.length > 0) printTable(['field', 'value', 'becomes'], checked.fields.map(row))
    const lines = [...checked.warnings.map(text => `warning: ${text}`), ...checked.errors.map(text => `error: ${text}`)]
    for (const line of lines) process.stderr.write(`${line}\n`)
    if (checked.valid && checked.fields.length === 0) process.stdout.write(`${file} is valid\n`)
  }
  if (!checked.valid) process.exitCode = 1
}

function checkFile(file: string, options: CheckOptions): Checked {
  try {
    return { file, valid: true, errors: [], ...found(readConfiguration({ file, flags: flagsOf(options) })) }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { file, valid: false, fields: [], warnings: [], errors: error.problems, config: null }
  }
}

function found({ config, outcomes, warnings }: Reading): Pick<Checked, 'fields' | 'warnings' | 'config'> {
  return { fields: outcomes.map(checkedField), warnings, config }
}

function checkedField({ field, flag = '', value, own, ignored = '' }: FieldOutcome): CheckedField {
  return { field, flag, value, became: own ?? null, ignored }
}

function row({ field, flag, value, became, ignored }: CheckedField): string[] {
  const effect = ignored === '' ? 'what is so anyhow' : 'nothing: see the warning'
  return [flag || field, JSON.stringify(value), became === null ? effect : ownText(became)]
}

/** 'nodeName: "node1", timeouts.established: 86400' */
function ownText(became: object): string {
  const paths = givenPaths(became)
  return paths.map(path => `${path}: ${JSON.stringify(valueAt(became, path))}`).join(', ') || 'what is so anyhow'
}
