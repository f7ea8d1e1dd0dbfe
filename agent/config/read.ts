// SPDX-License-Identifier: Apache-2.0
/** From a file and flags to a configuration that is checked whole. */
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { familyOf } from '../source/manifests/address.ts'
import { type Complaint, complaints } from './complaint.ts'
import { type Documents, readDocuments } from './documents.ts'
import { ConfigError } from './errors.ts'
import { type FlagValues, flagOf, NO_FLAGS } from './flags.ts'
import { convert, type FieldOutcome } from './kube-proxy.ts'
import { KUBE_PROXY_KIND, kubeProxySchema } from './kube-proxy-schema.ts'
import { merge } from './merge.ts'
import { givenPaths, valueAt } from './paths.ts'
import { type Config, type ConfigFields, fields, KIND, schema } from './schema.ts'

export interface Reading {
  readonly config: Config
  /** What became of each field of kube-proxy's that is set, in the file or by a flag. */
  readonly outcomes: readonly FieldOutcome[]
  /** One for each that has no effect, and for what may not be what was meant. */
  readonly warnings: readonly string[]
}

export interface ReadOptions {
  /** "-": standard input. Without: only flags. */
  readonly file?: string | undefined
  readonly flags?: FlagValues
}

/**
 * The later count: defaults, KubeProxyConfiguration, EvenkeelConfiguration, flags. Throws ConfigError that names every field that
 * is wrong.
 */
export function readConfiguration({ file, flags = NO_FLAGS }: ReadOptions): Reading {
  return configurationOf(file === undefined ? '' : readText(file), file ?? 'the command line', flags)
}

function readText(file: string): string {
  try {
    const bytes = readFileSync(file === '-' ? 0 : file)
    if (!isUtf8(bytes)) throw new Error('it is not UTF-8: save it in that encoding')
    return bytes.toString('utf8')
  } catch (error) {
    throw new ConfigError(`can't read configuration ${file}`, [(error as Error).message])
  }
}

/** `where`: for messages. */
export function configurationOf(text: string, where: string, flags: FlagValues = NO_FLAGS): Reading {
  const documents = readDocuments(text)
  const refuse = (problems: readonly string[]) => {
    if (problems.length > 0) throw new ConfigError(`${where} is not a valid configuration`, problems)
  }
  refuse([...documents.problems, ...wrongIn(documents, flags)])
  const own = documents.own ?? {}
  const outcomes = outcomesOf(documents, flags).map(outcome => overruled(outcome, own))
  const [byFlag, byFile] = [outcomes.filter(({ flag }) => flag), outcomes.filter(({ flag }) => !flag)]
  const whole = merge(...layers(byFile), own, ...layers(byFlag), flags.own)
  refuse(complaints(schema, whole).map(sentence))
  const config = completed(schema.parse(whole))
  return { config, outcomes, warnings: [...ignored(outcomes), ...notes(config)] }
}

/** Each document by itself, so that what is wrong is named as it was written. */
function wrongIn({ own = {}, kubeProxy = {} }: Documents, flags: FlagValues): string[] {
  return [
    ...complaints(fields, own).map(sentence),
    ...complaints(kubeProxySchema, kubeProxy).map(complaint => `${KUBE_PROXY_KIND} ${sentence(complaint)}`),
    ...complaints(kubeProxySchema, flags.kubeProxy).map(({ path, message }) => `${flagOf(path)}: ${message}`),
    ...complaints(fields, flags.own).map(sentence),
  ]
}

function sentence({ path, message }: Complaint): string {
  return path === '' ? message : `${path}: ${message}`
}

/** Fields of the file and flags are looked at together: one may decide what another means. */
function outcomesOf({ kubeProxy = {} }: Documents, flags: FlagValues): FieldOutcome[] {
  const together = kubeProxySchema.parse(merge(kubeProxy, flags.kubeProxy))
  return convert(together).map(outcome =>
    valueAt(flags.kubeProxy, outcome.field) === undefined ? outcome : { ...outcome, flag: flagOf(outcome.field) },
  )
}

function layers(outcomes: readonly FieldOutcome[]): ConfigFields[] {
  return outcomes.flatMap(({ own }) => own ?? [])
}

function completed(config: Config): Config {
  return { ...config, nodeName: config.nodeName || hostname().toLowerCase() }
}

function nameOf({ field, flag }: FieldOutcome): string {
  return flag ?? `${KUBE_PROXY_KIND} ${field}`
}

function ignored(outcomes: readonly FieldOutcome[]): string[] {
  return outcomes.flatMap(outcome =>
    outcome.ignored === undefined ? [] : `${nameOf(outcome)} has no effect: ${outcome.ignored}`,
  )
}

/** Of the file's two documents ours counts. */
function overruled(outcome: FieldOutcome, own: object): FieldOutcome {
  const { own: became = {}, flag, field, value } = outcome
  const paths = givenPaths(became)
  if (flag !== undefined || paths.length === 0 || paths.some(path => valueAt(own, path) === undefined)) return outcome
  return { field, value, ignored: `${paths.join(', ')} of ${KIND} counts` }
}

/** What is valid, but may not be what was meant. */
function notes({ nodePortAddresses }: Config): string[] {
  const families = new Set(nodePortAddresses.filter(entry => entry.includes('/')).map(familyOf))
  const [only] = nodePortAddresses.every(entry => entry.includes('/')) && families.size === 1 ? families : []
  if (only === undefined) return []
  const other = only === 'IPv4' ? 'IPv6' : 'IPv4'
  return [
    `nodePortAddresses has ${only} addresses only: nodePorts are served at all ${other} addresses, as by kube-proxy`,
  ]
}
