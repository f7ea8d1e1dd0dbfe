// SPDX-License-Identifier: Apache-2.0
/**
 * Compiled code, and what it makes of that which a map's functions return. Instructions are those of the kernel's
 * Documentation/bpf/standardization/instruction-set.rst.
 */
import type { Elf } from '../../agent/kernel/elf.ts'

/** Helpers by number: map_update_elem, map_delete_elem, redirect_map, map_push_elem, map_pop_elem, map_peek_elem, for_each_map_elem. */
const OF_MAPS: ReadonlySet<number> = new Set([2, 3, 51, 87, 88, 89, 164])

const CLASS = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, JMP32: 6, ALU64: 7 } as const
/** Of jumps. */
const OPERATION = { ALWAYS: 0, CALL: 8, EXIT: 9 } as const
const SHIFT_LEFT = 6
const MOVE = 11
/** A call keeps the registers r6 to r10. */
const KEPT = 0x7c0

interface Instruction {
  readonly kind: number
  readonly operation: number
  /** The second operand is the register `src`, not `imm`. */
  readonly bySource: boolean
  /** If it is a store: of 64 bits. */
  readonly wideStore: boolean
  readonly dst: number
  readonly src: number
  readonly offset: number
  readonly imm: number
}

function decode(code: Buffer, at: number): Instruction {
  const [opcode, registers] = [code.readUInt8(at * 8), code.readUInt8(at * 8 + 1)]
  return {
    kind: opcode & 7,
    operation: opcode >> 4,
    bySource: (opcode & 8) !== 0,
    wideStore: (opcode & 0x18) === 0x18,
    dst: registers & 15,
    src: registers >> 4,
    offset: code.readInt16LE(at * 8 + 2),
    imm: code.readInt32LE(at * 8 + 4),
  }
}

/** A call of the kernel's (src 0), not of a function of the object. */
function callsMap({ kind, operation, src, imm }: Instruction): boolean {
  return kind === CLASS.JMP && operation === OPERATION.CALL && src === 0 && OF_MAPS.has(imm)
}

/** The registers, as bits, that hold such a result afterwards, given those before; undefined: all 64 bits of one are used. */
function after(one: Instruction, results: number): number | undefined {
  const { kind, operation, bySource, imm } = one
  const [dst, src] = [(1 << one.dst) & results, bySource ? (1 << one.src) & results : 0]
  const without = results & ~(1 << one.dst)
  switch (kind) {
    case CLASS.JMP:
      if (operation === OPERATION.CALL) return (results & KEPT) | (callsMap(one) ? 1 : 0)
      return operation !== OPERATION.ALWAYS && (dst || src) ? undefined : results
    case CLASS.ALU64:
      if (operation === MOVE) return src ? results | (1 << one.dst) : without
      // The first of the two shifts that extend the sign.
      if (operation === SHIFT_LEFT && !bySource && imm === 32) return without
      return dst || src ? undefined : results
    case CLASS.STX:
      return one.wideStore && (1 << one.src) & results ? undefined : results
    case CLASS.ST:
    case CLASS.JMP32:
      return results
    default:
      return without
  }
}

function next(code: Buffer, at: number): readonly number[] {
  const { kind, operation, offset } = decode(code, at)
  // A constant of 64 bits takes two places.
  if (kind === CLASS.LD) return [at + 2]
  if ((kind !== CLASS.JMP && kind !== CLASS.JMP32) || operation === OPERATION.CALL) return [at + 1]
  if (operation === OPERATION.EXIT) return []
  return operation === OPERATION.ALWAYS ? [at + 1 + offset] : [at + 1, at + 1 + offset]
}

/** Where one of a map's functions is called. */
function callsOf(code: Buffer): readonly number[] {
  const found: number[] = []
  for (let at = 0; at < code.length / 8; at += decode(code, at).kind === CLASS.LD ? 2 : 1)
    if (callsMap(decode(code, at))) found.push(at)
  return found
}

/** The instructions that take 64 bits of a result, on any path. */
function wideUses(code: Buffer, calls: readonly number[]): ReadonlySet<number> {
  const wide = new Set<number>()
  const seen = new Set<string>()
  const ways: (readonly [at: number, results: number])[] = calls.map(at => [at, 0])
  for (let way = ways.pop(); way !== undefined; way = ways.pop()) {
    const [at, before] = way
    const results = after(decode(code, at), before)
    if (results === undefined) wide.add(at)
    if (!results || seen.has(`${at} ${results}`)) continue
    seen.add(`${at} ${results}`)
    for (const to of next(code, at)) ways.push([to, results])
  }
  return wide
}

export interface MapResults {
  /** How often the object calls a map's functions. */
  readonly calls: number
  /** "FUNCTION+INSTRUCTION" of each that takes all 64 bits of what one returned. */
  readonly wide: readonly string[]
}

export function mapResults({ sections, symbols }: Elf): MapResults {
  const functions = symbols.filter(({ kind }) => kind === 'function').toSorted((a, b) => b.offset - a.offset)
  const code = sections.filter(({ name }) => functions.some(({ section }) => section === name))
  const found = code.map(({ name, data }) => {
    const calls = callsOf(data)
    const named = (at: number) => {
      const owner = functions.find(({ section, offset }) => section === name && offset <= at * 8)
      return `${owner?.name}+${at - (owner?.offset ?? 0) / 8}`
    }
    return { calls: calls.length, wide: [...wideUses(data, calls)].map(named) }
  })
  return { calls: found.reduce((sum, { calls }) => sum + calls, 0), wide: found.flatMap(({ wide }) => wide) }
}
