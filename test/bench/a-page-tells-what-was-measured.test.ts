// SPDX-License-Identifier: Apache-2.0
/** What bench/page.ts makes of results: targets, verdicts, noise, plots, and another run beside them. */
import t from 'tap'
import { agreement, differences } from '../../bench/agreement.ts'
import type { Row, SavedReport } from '../../bench/report.ts'
import type { Results } from '../../bench/results.ts'
import { markdown } from '../../bench/results-markdown.ts'
import { resultsPage } from '../../bench/results-page.ts'
import { scores, verdictOf } from '../../bench/targets.ts'

function report(part: string, control: number, rows: readonly Row[]): SavedReport {
  const lines = [
    { name: 'fast <one>', points: [1, 1_000].map(x => ({ x, y: 10 })) },
    { name: 'slow', points: [1, 1_000].map(x => ({ x, y: 10 + x })) },
  ]
  return {
    ...{
      part,
      method: 'measured',
      rows,
      controls: [{ what: 'itself', ratio: control }],
      noisy: Math.abs(control - 1) > 0.05,
    },
    series: [{ title: 'time', unit: 'us', over: 'Services', lines }],
    ...{ date: '2026-11-21T10:00:00.000Z', kernel: '6.18', commit: 'abc', cpus: 2, cpu: 'some' },
  }
}

const RATE = { must: 0.97, aim: 0.99, least: true }
const peers = report('peers', 1.01, [
  { what: '1 Service: UDP: evenkeel, socket / direct, rate', value: 0.98, unit: 'ratio', target: RATE },
  { what: '1 Service: TCP: evenkeel, socket / direct, rate', value: 0.995, unit: 'ratio', target: RATE },
  { what: '1 Service: TCP: nftables rules / direct, rate', value: 0.5, unit: 'ratio' },
])
const flaky = report('control plane', 1.2, [
  { what: '10000 Services x 10: RSS, objects included', value: 300, unit: 'MB', target: { must: 250, aim: 150 } },
])
const earlier = [{ ...peers, rows: [{ ...peers.rows[2]!, value: 0.4 }] }]
const results: Results = { reports: [peers, flaky], others: [{ name: 'monday', reports: earlier }] }

t.test('a target counts the worst of its rows, and one without rows is not measured', async t => {
  const all = scores(results.reports)
  const of = (what: RegExp) => all.find(score => what.test(score.what))!
  const socket = of(/socket path/)
  t.equal(socket.worst?.value, 0.98)
  t.equal(socket.rows, 2, 'rows of peers have no target')
  t.equal(verdictOf(socket), 'must met')
  t.equal(verdictOf(of(/RSS/)), 'MISSED')
  t.equal(of(/RSS/).isNoisy, true)
  t.equal(verdictOf(of(/XDP/)), 'not measured')
})

t.test('the page shows rows, bars and plots, and fetches nothing', async t => {
  const html = resultsPage(results)
  t.notMatch(html, /<script|<link|src=|https?:/, 'self-contained')
  t.match(html, 'fast &lt;one&gt;', 'names are escaped')
  t.equal(html.match(/<polyline/g)?.length, 4, 'two lines for each of two reports')
  t.match(html, '0.400 (25 %)', 'the other run, and the change since')
  t.match(html, /control plane <span class="noisy">/)
  t.match(html, /20\.0 % <span class="noisy">/)
  t.notMatch(html, /NaN|undefined|Infinity/)
})

t.test('two runs agree where their ratios differ by no more than controls were off', async t => {
  const run = (control: number, socket: number, rules: number) => [
    report('peers', control, [
      { what: 'socket', value: socket, unit: 'ratio' },
      { what: 'rules', value: rules, unit: 'ratio' },
      { what: 'a request', value: 17, unit: 'us' },
    ]),
  ]
  const now = run(1.001, 1, 0.9)
  t.same(
    differences(now, run(0.98, 1.015, 0.87)).map(({ what, by, noise }) => [what, by.toFixed(3), noise.toFixed(3)]),
    [
      ['socket', '-0.015', '0.020'],
      ['rules', '0.034', '0.020'],
    ],
    'only what is no time, and the noisier run says what to expect',
  )
  const text = agreement({ reports: now, others: [{ name: 'monday', reports: run(0.98, 1.015, 0.87) }] })
  t.match(text, '1 of 2 ratios are within what the controls were off; 0 within 1 %, 1 within 2 %')
  t.match(text, /peers: rules +0.870 +0.900 +\+3.4 % +2.0 %/)
  t.notMatch(text, 'socket', 'those that agree are not told')
  t.equal(differences(now, [flaky]).length, 0, 'a part that only one run has')
  t.equal(agreement({ reports: now, others: [] }), '')
})

t.test('tables for the docs say the same', async t => {
  const text = markdown(results)
  t.match(text, '| 1 Service: TCP: nftables rules / direct, rate | 0.500 |')
  t.match(text, '| slow | 11.0 us | 1010 us |')
  t.match(text, "Noisy: don't quote this run")
})
