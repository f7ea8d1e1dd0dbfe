// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from 'node:fs'
import t from 'tap'
import { type RenderedFrontend, renderServices } from '../../agent/cli/rendered.ts'
import { readCase } from './cases.ts'

const folder = new URL('../cases/', import.meta.url)

/** "10.96.0.10:80/TCP" stands for all scopes that are there. */
function find(rows: readonly RenderedFrontend[], text: string): readonly RenderedFrontend[] {
  const [frontend, scope] = text.split(' ')
  return rows.filter(row => row.frontend === frontend && (scope === undefined || row.scope === scope))
}

for (const file of readdirSync(folder).sort()) {
  t.test(file.replace('.yaml', '').replaceAll('-', ' '), async t => {
    const { manifests, expect } = await readCase(new URL(file, folder).pathname)
    t.same(manifests.problems, [], 'the manifests are valid')
    const node = manifests.nodes.get(expect.node) ?? null
    const context = { nodeName: expect.node, node, serviceProxyName: expect.serviceProxyName }
    const { frontends, warnings } = renderServices(manifests.services, context)
    const matched = new Set<RenderedFrontend>()
    for (const [text, wanted] of Object.entries(expect.frontends)) {
      const rows = find(frontends, text)
      t.not(rows.length, 0, `there is ${text}`)
      for (const row of rows) {
        matched.add(row)
        const answer = row.backends.length > 0 ? row.backends : row.onEmpty
        t.same(answer, wanted, `${row.frontend} ${row.scope}`)
      }
    }
    t.same(
      frontends.filter(row => !matched.has(row)),
      [],
      'there are no other frontends',
    )
    for (const [text, seconds] of Object.entries(expect.affinitySeconds))
      for (const row of find(frontends, text)) t.equal(row.affinitySeconds, seconds, `affinity of ${text}`)
    t.equal(warnings.length, expect.warnings.length, `as many warnings as expected: ${warnings.join('\n')}`)
    for (const start of expect.warnings)
      t.ok(
        warnings.some(text => text.startsWith(`warning: ${start}`)),
        start,
      )
  })
}
