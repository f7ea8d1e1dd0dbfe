// SPDX-License-Identifier: Apache-2.0
/** What measurements have left in bench/results: the latest of each part, and earlier runs that somebody kept. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { RESULTS, type Report, type Row, readResults, type SavedReport, valueText } from './report.ts'

const LATEST = 'latest.json'

export interface Results {
  readonly reports: readonly SavedReport[]
  /** Copies of latest.json under other names, to be compared with it. */
  readonly others: readonly { readonly name: string; readonly reports: readonly SavedReport[] }[]
}

export function readAllResults(): Results {
  const files = existsSync(RESULTS) ? readdirSync(RESULTS).filter(file => file.endsWith('.json')) : []
  const read = (file: string) => Object.values(readResults(join(RESULTS, file)))
  const others = files.filter(file => file !== LATEST).toSorted()
  return { reports: read(LATEST), others: others.map(file => ({ name: basename(file, '.json'), reports: read(file) })) }
}

/** The same row of another run. */
export function sameRow(reports: readonly SavedReport[], part: string, what: string): Row | undefined {
  return reports.find(report => report.part === part)?.rows.find(row => row.what === what)
}

/** Of must and aim, as people read them. */
export function limitsOf({ target, unit }: Row): [must: string, aim: string] {
  if (!target) return ['', '']
  const sign = target.least ? '>=' : '<='
  return [`${sign} ${valueText(target.must, unit)}`, `${sign} ${valueText(target.aim, unit)}`]
}

/** By how much a control is off, in per cent. */
export function largestNoise({ controls }: Pick<Report, 'controls'>): string {
  if (controls.length === 0) return 'no control'
  return `${(Math.max(...controls.map(({ ratio }) => Math.abs(ratio - 1))) * 100).toFixed(1)} %`
}
