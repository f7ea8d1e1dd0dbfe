// SPDX-License-Identifier: Apache-2.0
/** Bytes of JavaScript objects that stay, after everything else has been collected: they are the same on each machine. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Outcome } from '../../bench/control-plane-run.ts'

t.setTimeout(120_000)

const FOLDER = `/sys/fs/bpf/ek-memory-${process.pid}`
const PROGRAM = join(import.meta.dirname, '../../bench/control-plane-run.ts')
const FEW = 500
const MANY = 2_500
/** A Service of 10 endpoints takes 1,650 bytes for what the agent knows of the maps, and 1,150 for its objects; and some room. */
const MOST_OWN = 1_900
const MOST = 3_200
/** Bytes of RSS. */
const GIVEN_BACK = 8e6

function run(services: number, flags: readonly string[] = ['--expose-gc']): Outcome {
  mkdirSync(FOLDER)
  try {
    const argv = [...flags, PROGRAM, FOLDER, String(services), '0']
    // A first run that fills the cache would hold more than a second one that reads it.
    const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' }
    return JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8', env }))
  } finally {
    rmSync(FOLDER, { recursive: true, force: true })
  }
}

t.test('a Service more', async t => {
  const [few, many] = [run(FEW), run(MANY)]
  const more = (of: (outcome: Outcome) => number) => (of(many) - of(few)) / (MANY - FEW)
  const [own, all] = [more(({ heapOwn }) => heapOwn), more(({ heap }) => heap)]
  t.comment(`${all.toFixed()} bytes, ${own.toFixed()} of them not the source's`)
  t.ok(own < MOST_OWN)
  t.ok(all < MOST)

  const given = many.peak - many.rss
  t.comment(`${(given / 1e6).toFixed()} MB given back after the first sync`)
  t.ok(given > GIVEN_BACK)
  const kept = run(MANY, [])
  t.ok(kept.peak - kept.rss < GIVEN_BACK, 'which V8 keeps when it is not told')
})
