// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import t from 'tap'
import { type BtfType, parseBtf, typeAt } from '../../agent/kernel/btf.ts'
import { parseElf, sectionData } from '../../agent/kernel/elf.ts'
import { run } from '../own-network.ts'
import { BUILT } from './workspace.ts'

interface Dumped {
  readonly id: number
  readonly kind: string
  readonly name: string
  readonly [field: string]: unknown
}

const KINDS: Readonly<Record<string, BtfType['kind']>> = {
  INT: 'int',
  PTR: 'ptr',
  ARRAY: 'array',
  STRUCT: 'struct',
  UNION: 'union',
  ENUM: 'enum',
  ENUM64: 'enum',
  FWD: 'fwd',
  TYPEDEF: 'typedef',
  VOLATILE: 'volatile',
  CONST: 'const',
  RESTRICT: 'restrict',
  FUNC: 'func',
  FUNC_PROTO: 'funcProto',
  VAR: 'var',
  DATASEC: 'datasec',
  FLOAT: 'float',
  DECL_TAG: 'declTag',
  TYPE_TAG: 'typeTag',
}

/** What bpftool tells of a type, in our words. */
function expected(dumped: Dumped): Record<string, unknown> {
  const kind = KINDS[dumped.kind]
  const head = { kind, name: dumped.name === '(anon)' ? '' : dumped.name }
  const list = (name: string) => (dumped[name] ?? []) as Record<string, unknown>[]
  switch (kind) {
    case 'int':
      return {
        ...head,
        size: dumped.size,
        bits: dumped.nr_bits,
        signed: dumped.encoding === 'SIGNED',
        bool: dumped.encoding === 'BOOL',
      }
    case 'array':
      return { ...head, element: dumped.type_id, length: dumped.nr_elems }
    case 'struct':
    case 'union': {
      const members = list('members').map(member => ({
        name: member.name === '(anon)' ? '' : member.name,
        type: member.type_id,
        bitOffset: member.bits_offset,
        bitSize: member.bitfield_size ?? 0,
      }))
      return { ...head, size: dumped.size, members }
    }
    case 'enum':
      return {
        ...head,
        size: dumped.size,
        values: list('values').map(({ name, val }) => ({ name, value: whole(dumped, val) })),
      }
    case 'datasec': {
      const variables = list('vars').map(({ type_id: type, offset, size }) => ({ type, offset, size }))
      return { ...head, variables }
    }
    case 'fwd':
    case 'float':
    case 'funcProto':
      return head
    default:
      return { ...head, type: dumped.type_id }
  }
}

/** bpftool 7.1 extends the sign of unsigned values of 32 bits. */
function whole({ kind, encoding }: Dumped, value: unknown): string {
  const bits = kind === 'ENUM' ? 32 : 64
  return String(
    encoding === 'SIGNED' ? BigInt.asIntN(bits, BigInt(String(value))) : BigInt.asUintN(bits, BigInt(String(value))),
  )
}

/** Ours, with big numbers as text and without what bpftool does not tell. */
function found(type: BtfType): Record<string, unknown> {
  if (type.kind === 'enum')
    return { ...type, values: type.values.map(({ name, value }) => ({ name, value: String(value) })) }
  if (type.kind !== 'int') return { ...type }
  const { char: _, ...rest } = type
  return rest
}

/** bpftool prints numbers over 2^53, which JSON.parse would round. */
function parseDump(text: string): readonly Dumped[] {
  const exact = text.replace(/"val":\s*(-?\d+)/g, '"val":"$1"')
  return (JSON.parse(exact) as { readonly types: readonly Dumped[] }).types
}

const objects = Object.entries(BUILT).map(([name, file]) => {
  const btf = sectionData(parseElf(readFileSync(file), file), '.BTF') ?? Buffer.alloc(0)
  return { name: `${name}.bpf.o`, file, btf }
})
const vmlinux = {
  name: 'the kernel itself',
  file: '/sys/kernel/btf/vmlinux',
  btf: readFileSync('/sys/kernel/btf/vmlinux'),
}

for (const { name, file, btf } of [...objects, vmlinux])
  t.test(`every type of ${name} is read as bpftool reads it`, async t => {
    const ours = parseBtf(btf)
    const theirs = parseDump(run('bpftool', '-j', 'btf', 'dump', 'file', file))
    t.equal(ours.types.length, theirs.length + 1, 'number of types, and void')
    const different = theirs.find(
      dumped => JSON.stringify(sorted(expected(dumped))) !== JSON.stringify(sorted(found(typeAt(ours, dumped.id)))),
    )
    t.equal(different, undefined, 'no type differs')
    if (different !== undefined) t.strictSame(found(typeAt(ours, different.id)), expected(different))
  })

function sorted(record: Record<string, unknown>): unknown[] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
}

t.test('what is not BTF is refused', async t => {
  t.throws(() => parseBtf(Buffer.alloc(64)), { name: 'FormatError', message: /wrong magic/ })
  const whole = objects[0]?.btf ?? Buffer.alloc(0)
  for (let length = 0; length < whole.length; length += 97)
    t.throws(() => parseBtf(Buffer.from(whole.subarray(0, length))), { name: 'FormatError' }, `cut at ${length}`)
  t.throws(() => parseElf(Buffer.from('not an object'), 'x.o'), { name: 'FormatError', message: /x\.o: not a 64-bit/ })
})
