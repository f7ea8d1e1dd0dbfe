// SPDX-License-Identifier: Apache-2.0
/** Makes bench/results/index.html from the results that lie beside it, or prints tables. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { formatTable } from '../agent/cli/output.ts'
import { agreement } from './agreement.ts'
import { RESULTS, type SavedReport, valueText } from './report.ts'
import { limitsOf, readAllResults } from './results.ts'
import { markdown } from './results-markdown.ts'
import { resultsPage } from './results-page.ts'
import { scores, verdictOf } from './targets.ts'

const HELP = `Makes bench/results/index.html of bench/results/latest.json, and prints how far the targets are.
Other *.json there, copies of latest.json from earlier runs, become columns to compare with, and their ratios are told where they differ by more than the controls were off.

  --markdown  prints all as tables for docs/performance.md, and writes nothing
`

function summary(reports: readonly SavedReport[]): string {
  const lines = scores(reports).map(score => {
    const { what, worst, isNoisy } = score
    const value = worst ? valueText(worst.value, worst.unit) : ''
    const [must, aim] = worst ? limitsOf(worst) : ['', '']
    return [what, value, must, aim, `${verdictOf(score)}${isNoisy ? ', NOISY' : ''}`]
  })
  return formatTable(['target', 'worst', 'must', 'aim', ''], lines)
}

function main(): void {
  const { values } = parseArgs({ options: { markdown: { type: 'boolean' }, help: { type: 'boolean' } } })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const results = readAllResults()
  if (results.reports.length === 0) {
    process.stderr.write(`no results in ${join(RESULTS, 'latest.json')}: run "sudo make bench" first\n`)
    process.exitCode = 1
    return
  }
  if (values.markdown) {
    process.stdout.write(`${markdown(results)}\n`)
    return
  }
  const file = join(RESULTS, 'index.html')
  writeFileSync(file, resultsPage(results))
  const parts = [agreement(results), `## targets\n\n${summary(results.reports)}`, `plots: ${file}`]
  process.stdout.write(`${parts.filter(text => text !== '').join('\n\n')}\n`)
}

main()
