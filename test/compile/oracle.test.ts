// SPDX-License-Identifier: Apache-2.0
/** `evenkeel render` answers as a real kube-proxy: see test/oracle/README.md. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import type { RenderedFrontend } from '../../agent/cli/rendered.ts'
import { evenkeel, parseRows } from './command.ts'

interface Answer {
  readonly frontend: string
  readonly scope: 'cluster' | 'external'
  readonly backends: readonly string[]
  readonly onEmpty: 'refuse' | 'drop' | null
}

/** The API server's own Service: its endpoints are no manifest. */
const API_SERVER = '10.96.0.1:443/TCP'

function recorded(name: string): string {
  return gunzipSync(readFileSync(new URL(`../oracle/${name}.gz`, import.meta.url))).toString()
}

t.test('render agrees with kube-proxy on every frontend and scope', async t => {
  const answers = (JSON.parse(recorded('kube-proxy.json')) as Answer[]).filter(row => row.frontend !== API_SERVER)
  const outcome = await evenkeel(['render', '-f', '-', '--node', 'node1', '-o', 'json'], recorded('in.yaml'))
  t.equal(outcome.code, 0)
  const rows = parseRows(outcome)
  const byFrontend = Map.groupBy(rows, row => row.frontend)
  let agreed = 0
  for (const answer of answers) {
    const ours = byFrontend.get(answer.frontend)
    const row = ours?.find(({ scope }) => scope === answer.scope) ?? ours?.[0]
    if (same(row, answer)) agreed++
    else t.fail(`${answer.frontend} ${answer.scope}`, { wanted: answer, found: row })
  }
  t.ok(answers.length > 2000, 'the recording is there')
  const asked = new Set(answers.map(answer => answer.frontend))
  t.same(
    [...byFrontend.keys()].filter(frontend => !asked.has(frontend)),
    [],
    'no frontend that kube-proxy has not',
  )
  t.comment(`${agreed} of ${answers.length} answers as kube-proxy`)
})

function same(row: RenderedFrontend | undefined, { backends, onEmpty }: Answer): boolean {
  if (row === undefined || [...row.backends].sort().join() !== [...backends].sort().join()) return false
  return backends.length > 0 || row.onEmpty === onEmpty
}
