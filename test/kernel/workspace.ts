// SPDX-License-Identifier: Apache-2.0
/** What a test of agent/kernel/ works in: a folder of files, a folder of bpffs. Both go when it ends. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { arch, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { bridge, type MapSpec } from '../../agent/kernel/bridge.ts'
import { check } from '../../agent/kernel/errno.ts'
import { DEFAULT_BPFFS, type PinFolder, pinFolder } from '../../agent/kernel/pins.ts'

export const ROOT = resolve(import.meta.dirname, '../..')
export const BUILT = {
  tc: join(ROOT, 'bpf/build/tc.bpf.o'),
  layout: join(ROOT, 'bpf/build/layout.bpf.o'),
}

export interface Workspace {
  readonly path: string
  /** A folder in bpffs. */
  readonly bpffs: string
  readonly folder: PinFolder
  /** Compiles a C source for BPF as the Makefile does, the folder of the sources of bpf/ included. Gives the object's path. */
  compile(name: string, source: string): string
}

let count = 0

/** Folders that go away with the process, also when a signal ends it. */
export function workspace(): Workspace {
  const path = mkdtempSync(join(tmpdir(), 'ek-kernel-'))
  const bpffs = join(DEFAULT_BPFFS, `ek-test-${process.pid}-${count++}`)
  mkdirSync(bpffs)
  process.on('exit', () => {
    for (const folder of [path, bpffs]) rmSync(folder, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  return { path, bpffs, folder: pinFolder(bpffs), compile: (name, source) => compile(path, name, source) }
}

function compile(folder: string, name: string, source: string): string {
  const file = join(folder, `${name}.bpf.c`)
  const object = join(folder, `${name}.bpf.o`)
  writeFileSync(file, source)
  const machine = { x64: 'x86_64', arm64: 'aarch64' }[arch() as string] ?? arch()
  const include = [`-I/usr/include/${machine}-linux-gnu`, `-I${join(ROOT, 'bpf')}`]
  execFileSync('clang', ['-O2', '-g', '-target', 'bpf', '-mcpu=v3', ...include, '-c', file, '-o', object])
  return object
}

interface Sizes extends Pick<MapSpec, 'name' | 'type' | 'flags' | 'maxEntries'> {
  readonly key: { readonly size: number }
  readonly value: { readonly size: number }
}

/** A map that nothing pins, made without an object. */
export function makeMap(layout: Sizes, maxEntries = layout.maxEntries): number {
  const { name, type, key, value, flags } = layout
  const fd = bridge.mapCreate({ name, type, keySize: key.size, valueSize: value.size, maxEntries, flags })
  return check(fd, 'make map', name)
}

/** Runs the generator. */
export function generator(...args: readonly string[]): { readonly status: number | null; readonly stderr: string } {
  return spawnSync(process.execPath, [join(ROOT, 'agent/kernel/generate.ts'), ...args], { encoding: 'utf8' })
}
