// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { defaultConfig, readConfig } from '../../agent/config.ts'
import { parseBindAddress } from '../../agent/serve/bind-address.ts'

t.test('an address and a port', async t => {
  t.same(parseBindAddress('10.0.0.1:80'), { host: '10.0.0.1', port: 80 })
  t.same(parseBindAddress('[fd00::1]:65535'), { host: 'fd00::1', port: 65535 })
})

t.test('wildcards of either family are both families', async t => {
  for (const text of ['0.0.0.0:10256', '[::]:10256', '[0::0]:10256'])
    t.same(parseBindAddress(text), { host: undefined, port: 10256 })
})

t.test('anything else is none', async t => {
  const wrong = [
    '',
    '10256',
    ':10256',
    '::1:10256',
    '[::1]',
    '10.0.0.1',
    '10.0.0.1:0',
    '10.0.0.1:65536',
    'localhost:80',
  ]
  for (const text of [...wrong, '10.0.0.1:80 ', '[fe80::1%lo]:80', '10.0.0.1:8o'])
    t.equal(parseBindAddress(text), undefined, text)
})

t.test('the configuration takes one, or nothing, and names the field that is wrong', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'config.yaml')
  const read = (text: string) => {
    writeFileSync(file, text)
    return readConfig(file)
  }
  t.match(defaultConfig(), { healthzBindAddress: '0.0.0.0:10256', healthTimeoutSeconds: 60 })
  t.equal(read('healthzBindAddress: "[::1]:1"').healthzBindAddress, '[::1]:1')
  t.equal(read('healthzBindAddress: ""').healthzBindAddress, '')
  t.throws(() => read('healthzBindAddress: ":10256"'), {
    message: /healthzBindAddress: expected an address and a port/,
  })
  t.throws(() => read('healthTimeoutSeconds: 0'), { message: /healthTimeoutSeconds/ })
})
