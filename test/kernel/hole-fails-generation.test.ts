// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { generator, workspace } from './workspace.ts'

const { compile } = workspace()

/** An object with one map, whose key and value the test gives. */
function source(types: string, key: string, value: string): string {
  return `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <linux/types.h>
${types}
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, ${key});
	__type(value, ${value});
} ek_holes SEC(".maps");
`
}

const CASES = [
  {
    name: 'hole in the middle of a key',
    types: 'struct ek_key { __u32 service; __u8 proto; __u16 port; };',
    message: /struct ek_key has a hole behind field "proto": byte 5 is padding/,
  },
  {
    name: 'hole at the end of a key',
    types: 'struct ek_key { __u64 cookie; __u8 proto; };',
    message: /struct ek_key has a hole behind field "proto": bytes 9 to 15 are padding/,
  },
  {
    name: 'hole in a struct inside of a key',
    types: 'struct ek_inner { __u8 a; __u32 b; }; struct ek_key { struct ek_inner inner; };',
    message: /struct ek_key has a hole behind field "inner.a": bytes 1 to 3 are padding/,
  },
  {
    name: 'bit field',
    types: 'struct ek_key { __u32 a : 3; __u32 b : 29; };',
    message: /ek_key: field a is a bit field/,
  },
  {
    name: 'pointer',
    types: 'struct ek_key { void *next; };',
    message: /struct ek_key: field "next" is ptr ptr, for which there is no codec/,
  },
  {
    name: 'key that is not one of our structs',
    types: 'struct other { __u32 a; };',
    key: 'struct other',
    message: /map ek_holes: no codec for struct "other"/,
  },
]

for (const { name, types, key, message } of CASES)
  t.test(`a ${name} fails generation`, async t => {
    const object = compile('holes', source(types, key ?? 'struct ek_key', '__u32'))
    const { status, stderr } = generator('--check', object)
    t.equal(status, 1)
    t.match(stderr, message)
  })

t.test('a hole in a value fails generation too', async t => {
  const types = 'struct ek_key { __u32 a; }; struct ek_value { __u8 a; __u64 b; };'
  const { status, stderr } = generator('--check', compile('value', source(types, 'struct ek_key', 'struct ek_value')))
  t.equal(status, 1)
  t.match(stderr, /struct ek_value has a hole behind field "a": bytes 1 to 7/)
})

t.test('two objects that disagree about a struct fail generation', async t => {
  const one = compile('one', source('struct ek_key { __u32 a; };', 'struct ek_key', '__u32'))
  const two = compile('two', source('struct ek_key { __u32 b; };', 'struct ek_key', '__u32'))
  const { status, stderr } = generator('--check', one, two)
  t.equal(status, 1)
  t.match(stderr, /struct ek_key is not the same in one and two/)
})

t.test('what is no object at all fails generation', async t => {
  t.match(generator('--check', import.meta.filename).stderr, /not a 64-bit little-endian ELF file/)
  t.match(generator('--check', '/does/not/exist.o').stderr, /ENOENT/)
})
