// SPDX-License-Identifier: Apache-2.0
/**
 * Before kernel 6.4 a map's functions return an int, and the verifier lets programs call them without the helper between, which
 * would extend it: -EEXIST compared as 64 bits is no -EEXIST there. No newer kernel shows that; the compiled code does.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseElf } from '../../agent/kernel/elf.ts'
import { type MapResults, mapResults } from './map-results.ts'

const BUILD = join(import.meta.dirname, '../../bpf/build')

t.test('our programs use 32 bits of what a map returns', t => {
  for (const file of readdirSync(BUILD).filter(name => name.endsWith('.bpf.o')))
    t.same(mapResults(parseElf(readFileSync(join(BUILD, file)), file)).wide, [], file)
  for (const file of ['tc.bpf.o', 'uplink.bpf.o', 'xdp.bpf.o', 'socket.bpf.o'])
    t.ok(mapResults(parseElf(readFileSync(join(BUILD, file)), file)).calls > 0, `${file} has such calls`)
  t.end()
})

/** The body of a program, compiled with `update` and `remove` for what a map's functions return. */
function compiled(body: string, cpu: string): MapResults {
  const source = `
    static long (*update)(void *, const void *, const void *, unsigned long long) = (void *)2;
    static long (*remove)(void *, const void *) = (void *)3;
    extern int map;
    __attribute__((section("tc"))) int program(int *ctx) { long key = 0; ${body} }`
  const args = ['-O2', '-target', 'bpf', `-mcpu=${cpu}`, '-x', 'c', '-', '-c', '-o', '-']
  return mapResults(parseElf(execFileSync('clang', args, { input: source }), 'program'))
}

const BODIES = {
  int: ['int error = update(&map, &key, ctx, 1); return error == -17 ? 3 : 4;', false],
  long: ['long error = update(&map, &key, ctx, 1); return error == -17 ? 3 : 4;', true],
  'less than, an int': ['int error = remove(&map, &key); return error < -5 ? 3 : 4;', false],
  'less than, a long': ['long error = remove(&map, &key); return error < -5 ? 3 : 4;', true],
  'zero, a bool': ['_Bool failed = remove(&map, &key); return failed ? ctx[1] : 4;', true],
  'on one path only': ['long error = update(&map, &key, ctx, 0); return ctx[0] ? error > 7 : (int)error == 2;', true],
  'after another call': [
    'long error = update(&map, &key, ctx, 0); remove(&map, &key); return error == -7 ? 3 : 4;',
    true,
  ],
  'stored as an int': ['*ctx = update(&map, &key, ctx, 0); return 0;', false],
  'stored as a long': ['*(long *)ctx = update(&map, &key, ctx, 0); return 0;', true],
  'not at all': ['update(&map, &key, ctx, 0); remove(&map, &key); return key == 5;', false],
} as const

for (const cpu of ['v2', 'v3'])
  t.test(`what is found in code for ${cpu}`, t => {
    for (const [what, [body, wide]] of Object.entries(BODIES)) {
      const found = compiled(body, cpu)
      t.ok(found.calls > 0, `${what}: the call`)
      t.equal(found.wide.length > 0, wide, `${what}: ${found.wide.join(' ') || 'nothing'}`)
    }
    t.end()
  })
