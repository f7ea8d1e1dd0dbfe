// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { evenkeel, evenkeelWithInput } from '../lab/command.ts'
import { makeFolder } from '../source/folder.ts'
import { kubeProxy, evenkeel as ours, textOf } from './reading.ts'

const FILE = textOf([
  kubeProxy({ clusterCIDR: '10.0.0.0/8', ipvs: { scheduler: 'rr' }, bindAddress: '::' }),
  ours({ xdp: 'native' }),
])

t.test('a table, with warnings on standard error', async t => {
  const { path } = makeFolder(t, { 'config.conf': FILE })
  const { code, stdout, stderr } = await evenkeel('config', 'check', join(path, 'config.conf'))
  t.equal(code, 0)
  t.same(
    stdout
      .trimEnd()
      .split('\n')
      .map(line => line.split(/ {2,}/)),
    [
      ['FIELD', 'VALUE', 'BECOMES'],
      ['bindAddress', '"::"', 'metricsBindAddress: "[::1]:10249"'],
      ['ipvs.scheduler', '"rr"', 'nothing: see the warning'],
      ['clusterCIDR', '"10.0.0.0/8"', 'clusterCIDR: ["10.0.0.0/8"], detectLocalMode: "ClusterCIDR"'],
    ],
  )
  t.match(stderr, /^warning: KubeProxyConfiguration ipvs\.scheduler has no effect: [^\n]+\n$/)
})

t.test('JSON, from standard input, with flags', async t => {
  const { code, stdout, stderr } = await evenkeelWithInput(FILE, 'config', 'check', '-', '-o', 'json', '--v=4')
  t.equal(code, 0)
  t.equal(stderr, '')
  const { fields, warnings, ...rest } = JSON.parse(stdout)
  t.match(rest, { file: '-', valid: true, errors: [], config: { xdp: 'native', logLevel: 'debug', sweepSeconds: 10 } })
  t.equal(warnings.length, 1)
  t.match(fields, [
    { field: 'logging.verbosity', flag: '--v', value: 4, became: { logLevel: 'debug' }, ignored: '' },
    { field: 'bindAddress', flag: '', value: '::', became: { metricsBindAddress: '[::1]:10249' }, ignored: '' },
    { field: 'ipvs.scheduler', value: 'rr', became: null, ignored: /Maglev/ },
    { field: 'clusterCIDR' },
  ])
})

t.test('errors: all of them, and exit code 1', async t => {
  const wrong = textOf([kubeProxy({ mod: 'ipvs' }), ours({ xdp: 'fast' })])
  const { code, stdout, stderr } = await evenkeelWithInput(wrong, 'config', 'check', '-')
  t.equal(code, 1)
  t.equal(stdout, '')
  t.match(stderr, /^error: xdp: .*\nerror: KubeProxyConfiguration mod: there is no such field; did you mean mode\?\n$/)
  const json = await evenkeelWithInput(wrong, 'config', 'check', '-', '-o', 'json')
  t.equal(json.code, 1)
  t.match(JSON.parse(json.stdout), { valid: false, config: null, errors: { length: 2 } })
  const missing = await evenkeel('config', 'check', '/nonexistent/config.yaml')
  t.equal(missing.code, 1)
  t.match(missing.stderr, /^error: ENOENT: no such file or directory/)
  const { path } = makeFolder(t, { 'config.yaml': '' })
  writeFileSync(join(path, 'config.yaml'), Buffer.from('nodeName: caf\xe9\n', 'latin1'))
  const foreign = await evenkeel('config', 'check', join(path, 'config.yaml'))
  t.same([foreign.code, foreign.stderr], [1, 'error: it is not UTF-8: save it in that encoding\n'])
})

t.test('an agent does not start with it', async t => {
  const { path } = makeFolder(t, { 'config.conf': textOf([kubeProxy({ mod: 'ipvs' })]) })
  const file = join(path, 'config.conf')
  const { code, stderr } = await evenkeel('run', '--config', file, '--manifests', path)
  t.equal(code, 2)
  t.equal(
    stderr,
    `evenkeel: ${file} is not a valid configuration:\n  KubeProxyConfiguration mod: there is no such field; did you mean mode?\n`,
  )
})

t.test('schemas of both kinds', async t => {
  for (const [kind, field] of [
    ['EvenkeelConfiguration', 'nodeName'],
    ['KubeProxyConfiguration', 'hostnameOverride'],
  ] as const) {
    const { code, stdout } = await evenkeel('config', 'schema', '--kind', kind)
    t.equal(code, 0)
    t.match(JSON.parse(stdout), {
      title: kind,
      properties: { [field]: { type: 'string' } },
      additionalProperties: false,
    })
  }
})
