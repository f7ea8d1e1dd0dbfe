// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { generator, ROOT, workspace } from './workspace.ts'

const types = readFileSync(join(ROOT, 'bpf/types.h'), 'utf8')
const generated = readFileSync(join(ROOT, 'agent/kernel/layout.gen.ts'), 'utf8')

t.test('layout.gen.ts is what the built objects say', async t => {
  const { status, stderr } = generator('--check')
  t.equal(stderr, '')
  t.equal(status, 0)
})

t.test('layout.gen.ts has every type of types.h', async t => {
  for (const [, type] of types.matchAll(/^((?:struct|enum) ek_\w+) \{/gm))
    t.match(generated, `/** ${type} */`, String(type))
})

t.test('a changed types.h is noticed, and the first line that differs is shown', async t => {
  const { compile, path } = workspace()
  // The compiler looks beside the source before it looks into bpf/.
  const changed = types.replace('__u32 affinity; ', '__u32 patience; ')
  t.not(changed, types)
  writeFileSync(join(path, 'types.h'), changed)
  writeFileSync(join(path, 'maps.h'), readFileSync(join(ROOT, 'bpf/maps.h')))
  const object = compile('layout', readFileSync(join(ROOT, 'bpf/layout.bpf.c'), 'utf8'))
  const { status, stderr } = generator('--check', object)
  t.equal(status, 1)
  t.match(stderr, /run node agent\/kernel\/generate\.ts\. line \d+:/)
  t.match(stderr, /has {4}.*affinity: number\n {2}should.*patience: number/)
})
