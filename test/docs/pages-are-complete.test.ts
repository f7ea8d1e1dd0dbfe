// SPDX-License-Identifier: Apache-2.0
/** The documentation keeps up with what it lists. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { defaultConfig } from '../../agent/config.ts'
import { Reason } from '../../agent/kernel/layout.gen.ts'

/** The first column of a page's tables, without its marks. */
function firstColumn(page: string): string[] {
  const lines = readFileSync(join(import.meta.dirname, '../../docs', page), 'utf8').split('\n')
  return lines.filter(line => line.startsWith('| ')).map(line => line.split('|')[1]!.trim().replaceAll('`', ''))
}

t.test('debug.md explains every drop reason, and no other', async t => {
  const [, ...explained] = firstColumn('debug.md')
  const reasons = Object.keys(Reason).filter(name => name !== 'COUNT')
  t.same(explained.toSorted(), reasons.toSorted())
})

t.test('configuration.md lists every field of the configuration', async t => {
  const { apiVersion: _, kind: __, ...fields } = defaultConfig()
  const [, ...rows] = firstColumn('configuration.md')
  // After the fields there are the entries of nodePortAddresses.
  const listed = rows.slice(0, rows.indexOf('entry'))
  t.same(listed.toSorted(), Object.keys(fields).toSorted())
})

t.test('flows.md has every time-out with its default', async t => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/flows.md'), 'utf8')
  for (const [name, seconds] of Object.entries(defaultConfig().timeouts)) {
    const shown = seconds % 3_600 === 0 ? `${seconds / 3_600} h` : `${seconds} s`
    t.match(text, new RegExp(`\\| ${shown} \\| \`${name}\` \\|`), name)
  }
})
