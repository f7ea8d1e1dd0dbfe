// SPDX-License-Identifier: Apache-2.0
/** Bytes of JavaScript objects that stay, after everything else has been collected: they are the same on each machine. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Outcome } from '../../bench/control-plane-run.ts'

t.setTimeout(60_000)

const FOLDER = `/sys/fs/bpf/ek-memory-${process.pid}`
const PROGRAM = join(import.meta.dirname, '../../bench/control-plane-run.ts')
const FEW = 500
const MANY = 2_500
/** A Service of 10 endpoints: 1,570 bytes for what the agent knows of the maps, and about as many for its objects; and some room. */
const MOST_OWN = 1_800
const MOST = 3_400

function run(services: number): Outcome {
  mkdirSync(FOLDER)
  try {
    return JSON.parse(execFileSync(process.execPath, [PROGRAM, FOLDER, String(services), '0'], { encoding: 'utf8' }))
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
})
