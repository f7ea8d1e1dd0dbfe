// SPDX-License-Identifier: Apache-2.0
/** A program that does nothing, loaded. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bridge } from '../agent/kernel/bridge.ts'

const BUILD = join(import.meta.dirname, 'build')

/** A descriptor. */
export function loadNullProgram(name: 'null' | 'null_xdp' = 'null'): number {
  mkdirSync(BUILD, { recursive: true })
  const object = join(BUILD, 'null.bpf.o')
  const headers = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`
  const source = join(import.meta.dirname, 'null.bpf.c')
  execFileSync('clang', ['-O2', '-g', '-target', 'bpf', '-mcpu=v3', '-isystem', headers, '-c', source, '-o', object])
  const opened = bridge.objectOpen(readFileSync(object), 'null.bpf.o')
  if (typeof opened === 'number') throw new Error(`can't open ${object}: errno ${-opened}`)
  const { errno, log } = bridge.objectLoad(opened)
  if (errno < 0) throw new Error(`can't load ${object}: errno ${-errno}\n${log}`)
  return bridge.objectProgramFd(opened, name)
}
