// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { evenkeel } from '../compile/command.ts'
import { makeFolder } from './source.ts'

const cluster = { name: 'c', cluster: { server: 'https://10.0.0.1:6443' } }
const context = { name: 'x', context: { cluster: 'c', user: 'u' } }
const user = { name: 'u', user: {} }
const good = { 'current-context': 'x', clusters: [cluster], contexts: [context], users: [user] }

const WRONG: readonly (readonly [string, unknown, RegExp])[] = [
  ['text', 'nothing', /kubeconfig is no kubeconfig: .*"nothing" is not a mapping/],
  ['no context', { ...good, 'current-context': '' }, /is no kubeconfig: current-context is empty: give its name/],
  ['no clusters', { ...good, clusters: undefined }, /is no kubeconfig: clusters is missing: give a list/],
  [
    'a cluster without server',
    { ...good, clusters: [{ name: 'c', cluster: {} }] },
    /is no kubeconfig: clusters\[0\]\.cluster\.server is missing/,
  ],
  [
    'an unknown cluster',
    { ...good, clusters: [{ ...cluster, name: 'd' }] },
    /context "x" names no cluster of this file/,
  ],
  ['an unknown user', { ...good, users: [] }, /context "x" names the user "u", which is not in users: add it/],
  [
    'no URL',
    { ...good, clusters: [{ name: 'c', cluster: { server: '10.0.0.1:6443' } }] },
    /cluster\.server "10\.0\.0\.1:6443" is no URL: give one such as https:/,
  ],
]

for (const command of ['run', 'render'])
  t.test(`${command} ends at once, with what to mend`, async t => {
    const file = join(makeFolder(t), 'kubeconfig')
    for (const [what, content, expected] of command === 'render' ? WRONG : []) {
      writeFileSync(file, JSON.stringify(content))
      const { code, stderr } = await evenkeel([command, '--kubeconfig', file])
      t.equal(code, 1, what)
      t.match(stderr, expected, what)
    }
    writeFileSync(file, 'a: [\n')
    t.match(await evenkeel([command, '--kubeconfig', file]), { code: 1, stderr: /can't be read as a kubeconfig \(/ })
    t.match(await evenkeel([command, '--kubeconfig', `${file}.none`]), {
      code: 1,
      stderr: /\(ENOENT\): name one that kubectl/,
    })
  })

t.test('a command is told what to read', async t => {
  const none = { KUBERNETES_SERVICE_HOST: '' }
  t.match(await evenkeel(['run'], '', none), { code: 2, stderr: /give --kubeconfig FILE, or --manifests FOLDER/ })
  t.match(await evenkeel(['run', '--kubeconfig', 'a', '--manifests', 'b']), { code: 2, stderr: /not both/ })
  t.match(await evenkeel(['render', '--kubeconfig', 'a', '-f', 'b']), {
    code: 2,
    stderr: /give -f .*, or --kubeconfig/,
  })
})
