// SPDX-License-Identifier: Apache-2.0
/**
 * The project as another version might be: another number, fields in the middle of what flows and backends are, and other tables under
 * another name, which neither version can read in the other's place.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Layout } from '../../agent/kernel/layout.gen.ts'
import { PROJECT_FOLDER } from '../../lab/names.ts'

export const OTHER_VERSION = Layout.VERSION + 7

type Patch = readonly [file: string, from: string | RegExp, to: string]

/** Sizes change, offsets change, and the code knows of the new fields. */
const PATCHES: readonly Patch[] = [
  ['bpf/types.h', `EK_LAYOUT_VERSION = ${Layout.VERSION},`, `EK_LAYOUT_VERSION = ${OTHER_VERSION},`],
  ['bpf/types.h', /(struct ek_flow \{[^}]*__be16 dport;\n)/, '$1\t__u32 opened;\n\t__u32 mark;\n'],
  ['bpf/types.h', /(sizeof\(struct ek_flow\) == )64/, '$172'],
  [
    'bpf/types.h',
    /(struct ek_backend \{\n\tstruct ek_addr addr;\n\t__be16 port;\n)/,
    '$1\t__u16 weight;\n\t__u8 zero[6];\n',
  ],
  ['bpf/types.h', /(sizeof\(struct ek_backend\) == )32/, '$140'],
  ['bpf/types.h', /(struct ek_sock \{\n\tstruct ek_addr addr;\n)/, '$1\t__u64 mark;\n'],
  ['bpf/types.h', /(sizeof\(struct ek_sock\) == )32/, '$140'],
  ['bpf/types.h', '__u32 size;	/* slots', '__u32 places;	/* slots'],
  ...['dial.h', 'select.h', 'tc.bpf.c', 'uplink.bpf.c', 'xdp.bpf.c'].map(
    file => [`bpf/${file}`, 'frontend->size', 'frontend->places'] as const,
  ),
  ['agent/reconcile/prepare.ts', /\bsize: (table|0)/g, 'places: $1'],
  ['agent/reconcile/restore.ts', /\bvalue\.size/g, 'value.places'],
  ['agent/cli/services.ts', 'value.size', 'value.places'],
  ['agent/cli/status.ts', /\b(v|value)\.size/g, '$1.places'],
  ['agent/compile/maglev.ts', 'OFFSET_SEED = 0x6f666673', 'OFFSET_SEED = 0x6f666674'],
  ['agent/compile/run.ts', 'TABLE_VERSION = 2', 'TABLE_VERSION = 3'],
  ['agent/reconcile/backend-slots.ts', 'addr, port: member.port, state', 'addr, port: member.port, weight: 1, state'],
]

/** Built in a folder that goes with the process. */
export function anotherVersion(): string {
  const parent = join(PROJECT_FOLDER, 'build')
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'another-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  for (const name of ['agent', 'bpf', 'evenkeel', 'package.json'])
    cpSync(join(PROJECT_FOLDER, name), join(folder, name), {
      recursive: true,
      filter: source => !source.startsWith(join(PROJECT_FOLDER, 'bpf/build')),
    })
  for (const name of ['native', 'node_modules']) symlinkSync(join(PROJECT_FOLDER, name), join(folder, name))
  for (const patch of PATCHES) apply(folder, patch)
  execFileSync('make', ['-s', '-C', join(folder, 'bpf')], { stdio: ['ignore', 'ignore', 'inherit'] })
  execFileSync(process.execPath, [join(folder, 'agent/kernel/generate.ts')], { stdio: 'inherit' })
  return folder
}

function apply(folder: string, [file, from, to]: Patch): void {
  const path = join(folder, file)
  const before = readFileSync(path, 'utf8')
  const after = before.replace(from, to)
  if (after === before) throw new Error(`${file} has no ${from}: change this patch with it`)
  writeFileSync(path, after)
}
