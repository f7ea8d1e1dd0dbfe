// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { parseDuration } from '../../agent/config/duration.ts'

const SECOND = 1_000

t.test('numbers with units', async t => {
  const cases: readonly [text: string, ms: number][] = [
    ['30s', 30 * SECOND],
    ['1h15m30.918273645s', 4_530_918.273645],
    ['15m0s', 900 * SECOND],
    ['1.5h', 5_400 * SECOND],
    ['.5s', 500],
    ['1.s', SECOND],
    ['250ms', 250],
    ['1µs', 0.001],
    ['1us', 0.001],
    ['1ns', 0.000001],
    ['0', 0],
    ['+0', 0],
    ['-0', 0],
    ['0s', 0],
    ['+5s', 5 * SECOND],
    ['-2m3s', -123 * SECOND],
    ['1m1m', 120 * SECOND],
    ['2540400h', 9_145_440_000 * SECOND],
  ]
  for (const [text, ms] of cases) t.ok(Math.abs(parseDuration(text)! - ms) < 1e-6, `${text}: ${parseDuration(text)}`)
})

t.test('anything else is none', async t => {
  for (const text of [
    '',
    '3',
    '-',
    's',
    '.',
    '-.',
    '.s',
    '+.s',
    '1d',
    '30 s',
    ' 30s',
    '30s ',
    '3 000s',
    '1h 5m',
    '1e3s',
    '--1s',
    '9223372037s',
  ])
    t.equal(parseDuration(text), undefined, text)
})
