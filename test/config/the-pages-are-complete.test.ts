// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { FLAGS } from '../../agent/config/flags.ts'
import { jsonSchema } from '../../agent/config/json-schema.ts'
import { KUBE_PROXY_FIELDS } from '../../agent/config/kube-proxy-fields.ts'
import { read } from './reading.ts'

const docs = (name: string) => readFileSync(join(import.meta.dirname, '../../docs', name), 'utf8')
const everything = readFileSync(join(import.meta.dirname, 'kube-proxy.yaml'), 'utf8')

/** Rows of all tables whose first column is one name in backticks. */
const rows = new Map(
  docs('kube-proxy-configuration.md')
    .split('\n')
    .flatMap(line => {
      const [, name, text] = /^\| `([^` ]+)` \| (.*) \|$/.exec(line) ?? []
      return name === undefined ? [] : [[name, text!] as const]
    }),
)

t.test("kube-proxy-configuration.md has every field of kube-proxy's, and every flag with its field", async t => {
  const fields = [...rows.keys()].filter(name => !name.startsWith('--'))
  t.same(fields.toSorted(), Object.keys(KUBE_PROXY_FIELDS).toSorted())
  for (const { name, field } of FLAGS) t.equal(rows.get(`--${name}`), `\`${field}\``, name)
})

t.test('why a field is ignored is what the warning says', async t => {
  for (const { field, ignored } of read([everything]).outcomes) {
    const [, why] = /^(?:ignored|replaced): (.*)$/.exec(rows.get(field)!) ?? []
    if (why !== undefined) t.equal(ignored, why, field)
    else t.match(rows.get(field), /^(used|the same|`json` is|true is)/, field)
  }
})

t.test('evenkeel.schema.json is what the code says', async t => {
  t.same(
    JSON.parse(docs('evenkeel.schema.json')),
    jsonSchema('EvenkeelConfiguration'),
    'make it anew: evenkeel config schema',
  )
})
