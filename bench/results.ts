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

/** By how much a control is off, as a share: the largest of all. */
export function noiseOf({ controls }: Pick<Report, 'controls'>): number {
  return Math.max(0, ...controls.map(({ ratio }) => Math.abs(ratio - 1)))
}

/** The same in per cent, for people. */
export function largestNoise(report: Pick<Report, 'controls'>): string {
  return report.controls.length === 0 ? 'no control' : `${(noiseOf(report) * 100).toFixed(1)} %`
}
