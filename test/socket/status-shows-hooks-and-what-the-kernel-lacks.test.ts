// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Status, statusText } from '../../agent/cli/status.ts'
import { type Feature, loads, probeFeatures } from '../../agent/kernel/features.ts'
import { HOOKS } from '../../agent/kernel/hooks.ts'
import { reached } from '../../agent/preflight/rights.ts'
import { workspace } from '../kernel/workspace.ts'
import { clusterFor } from './cluster.ts'

/** Kernel 5.16 tells how many instructions the verifier went through. */
const COUNTED = reached(release(), 5, 16)

const { lab, cgroup, restart } = await clusterFor(t)
const status = async (...options: string[]) => (await lab.exec('node1', ['evenkeel', 'status', ...options])).stdout

t.test('each program with its cgroup, in both formats', async t => {
  const { sockets }: Status = JSON.parse(await status('-o', 'json'))
  t.same(
    sockets.map(({ program, cgroup }) => [program, cgroup]),
    Object.keys(HOOKS).map(name => [name, cgroup('node1')]),
  )
  for (const { program, verifiedInstructions = 0 } of sockets) t.equal(verifiedInstructions > 1, COUNTED, program)
  const text = await status()
  for (const name of Object.keys(HOOKS))
    t.match(text, new RegExp(`${cgroup('node1')} +${name}${COUNTED ? ' +\\d+' : ' *\n'}`))
})

t.test('with podPath packet there are none', async t => {
  await restart('node1', { podPath: 'packet' })
  t.same(JSON.parse(await status('-o', 'json')).sockets, [])
  t.match(await status(), /Socket path\nnot attached\n/)
})

t.test('this kernel has at least what its version says', t => {
  const features = probeFeatures()
  t.ok(features.length >= 7)
  for (const { name, since, present } of features) {
    const [major = 0, minor = 0] = since.split('.').map(Number)
    t.ok(present || !reached(release(), major, minor), `${name}, ${since}`)
  }
  t.end()
})

t.test('what the kernel does not take is missing', t => {
  const file = workspace().compile('future', readFileSync(join(import.meta.dirname, 'future.bpf.c'), 'utf8'))
  t.equal(loads(file, 'known'), true)
  t.equal(loads(file, 'unknown'), false)
  t.end()
})

t.test('a missing feature is told with its consequence', async t => {
  const found: Status = JSON.parse(await status('-o', 'json'))
  t.same(found.features, probeFeatures())
  const [first] = found.features as [Feature]
  const text = statusText({ ...found, features: [{ ...first, present: false }] })
  t.match(text, `${first.name}  ${first.since}   ${first.consequence}`)
  t.match(statusText({ ...found, features: [{ ...first, present: true }] }), 'What this kernel lacks\nnothing\n')
  t.end()
})
