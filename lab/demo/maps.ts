// SPDX-License-Identifier: Apache-2.0
/** The live maps, as bpftool prints them. */
import { join } from 'node:path'
import { pinFolder } from '../../agent/kernel/pins.ts'
import type { Lab } from '../lab.ts'
import { expect, heading, say } from './stage.ts'

const EXCERPT_LINES = 16

export async function maps(lab: Lab): Promise<void> {
  heading('The live maps of node1, as bpftool prints them')
  const folder = pinFolder(lab.bpffs('node1')).path
  const first = ['key', '1', '0', '0', '0']
  for (const [map, argv, has] of [
    ['ek_frontends', ['dump', 'pinned', join(folder, 'ek_frontends')], 'table'],
    ['ek_backends', ['lookup', 'pinned', join(folder, 'ek_backends'), ...first], 'generation'],
    ['ek_affinity', ['dump', 'pinned', join(folder, 'ek_affinity')], 'used'],
  ] as const) {
    const { code, stdout, stderr } = await lab.exec('node1', ['bpftool', 'map', ...argv])
    const lines = (stdout || stderr).trimEnd().split('\n')
    say(
      `\n  bpftool map ${argv[0]} ${map}${lines.length > EXCERPT_LINES ? ` (${EXCERPT_LINES} of ${lines.length} lines)` : ''}`,
    )
    for (const line of lines.slice(0, EXCERPT_LINES)) say(`    ${line.replaceAll('\t', '  ')}`)
    expect(code === 0 && stdout.includes(`"${has}"`), `${map} reads with its types`)
  }
}
