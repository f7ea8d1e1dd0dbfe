// SPDX-License-Identifier: Apache-2.0
/** The tests' own object files, compiled and loaded. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BpfObject, bridge } from '../../agent/kernel/bridge.ts'

/** The ELF object of test/native/NAME.bpf.c. */
export function compile(name: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-test-'))
  const headers = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`
  // A sanitizer that is preloaded into this process is not for the compiler.
  const { LD_PRELOAD: _, ...env } = process.env
  try {
    const output = join(folder, 'object.o')
    const source = join(import.meta.dirname, `${name}.bpf.c`)
    execFileSync('clang', ['-O2', '-g', '-target', 'bpf', '-mcpu=v3', `-I${headers}`, '-c', source, '-o', output], {
      env,
    })
    return readFileSync(output)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A result that must be no error. */
export function good<T>(result: T | number): T {
  if (typeof result === 'number') throw new Error(`the bridge gave ${result}`)
  return result
}

/** A number that must be no error. */
export function fine(result: number): number {
  if (result < 0) throw new Error(`the bridge gave ${result}`)
  return result
}

export function open(elf: Buffer): BpfObject {
  return good(bridge.objectOpen(elf, 'test'))
}

export interface Loaded {
  readonly object: BpfObject
  /** Descriptors, opened on first use. Only close() closes them. */
  map(name: string): number
  program(name: string): number
  close(): void
}

export function load(elf: Buffer): Loaded {
  const object = open(elf)
  const { errno, log } = bridge.objectLoad(object)
  if (errno < 0) throw new Error(`load gave ${errno}: ${log}`)
  const descriptors = new Map<string, number>()
  const once = (name: string, get: () => number): number => {
    if (!descriptors.has(name)) descriptors.set(name, fine(get()))
    return descriptors.get(name) ?? -1
  }
  return {
    object,
    map: name => once(`map ${name}`, () => bridge.objectMapFd(object, name)),
    program: name => once(`program ${name}`, () => bridge.objectProgramFd(object, name)),
    close: () => {
      for (const fd of descriptors.values()) bridge.close(fd)
      bridge.objectClose(object)
    },
  }
}

export function u32(...numbers: readonly number[]): Buffer {
  return Buffer.from(Uint32Array.from(numbers).buffer)
}

/** Runs of the counting programs, over all CPUs. */
export function runs(loaded: Loaded): number {
  const values = Buffer.alloc(8 * bridge.possibleCpus())
  fine(bridge.mapLookup(loaded.map('runs'), u32(0), values))
  let sum = 0
  for (let at = 0; at < values.length; at += 8) sum += values.readUInt32LE(at)
  return sum
}
