// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { upLab } from '../../lab/up.ts'
import { evenkeel } from './command.ts'
import { leftovers } from './leftovers.ts'

t.setTimeout(120_000)

const name = `g${process.pid}`
const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'))
t.teardown(() => rmSync(folder, { recursive: true }))

const HEAD = 'apiVersion: evenkeel.io/v1alpha1\nkind: LabTopology\n'

/** A topology or manifest, and what the message must say: where, which field, what to do. */
const CASES: Readonly<Record<string, { text: string; says: RegExp }>> = {
  'no nodes': { text: `${HEAD}pods: []\n`, says: /^lab\.yaml:1: nodes: .*expected array/ },
  'an empty list of nodes': { text: `${HEAD}nodes: []\n`, says: /^lab\.yaml:3: nodes: a lab needs a node/ },
  'an unknown version': {
    text: 'apiVersion: evenkeel.io/v2\nkind: LabTopology\nnodes: [{ name: a }]\n',
    says: /^lab\.yaml:1: apiVersion: .*"evenkeel\.io\/v1alpha1"/,
  },
  'a misspelt field': {
    text: `${HEAD}nodes:\n  - name: a\n  - name: b\n    zoen: x\n`,
    says: /^lab\.yaml:5: nodes\[1\]: .*"zoen"/,
  },
  'a name that is no DNS label': {
    text: `${HEAD}nodes:\n  - name: Node_1\n`,
    says: /^lab\.yaml:4: nodes\[0\]\.name: use lower-case/,
  },
  'a port out of range': {
    text: `${HEAD}nodes: [{ name: a }]\npods:\n  - name: p\n    node: a\n    ports:\n      - port: 70000\n`,
    says: /^lab\.yaml:8: pods\[0\]\.ports\[0\]\.port: .*65535/,
  },
  'a server that the lab does not have': {
    text: `${HEAD}nodes: [{ name: a }]\npods:\n  - { name: p, node: a, serve: nginx }\n`,
    says: /^lab\.yaml:5: pods\[0\]\.serve: the lab can serve "hostnames" only/,
  },
  'a pod on a node that is not there': {
    text: `${HEAD}nodes: [{ name: a }, { name: b }]\npods: [{ name: p, node: c }]\n`,
    says: /^pod "p": node "c" is not in the topology \(nodes: a, b\)/,
  },
  'a name given twice': {
    text: `${HEAD}nodes: [{ name: a }]\npods: [{ name: a, node: a }]\n`,
    says: /^pod "a": the name is taken in this lab/,
  },
  'names that would share a namespace': {
    text: `${HEAD}nodes: [{ name: a }, { name: a-b }]\npods: [{ name: b-c, node: a }, { name: c, node: a-b }]\n`,
    says: /^pod "c": the name is taken in this lab/,
  },
  'a network that is not there': {
    text: `${HEAD}nodes: [{ name: a, networks: [back] }]\nrouters: [{ name: r, network: r }]\noutside: [{ name: o, network: x }]\n`,
    says: /^node "a": network "back" is not in .*\(networks: fabric\)\nnode "a": is not on network "fabric".*\nrouter "r": network "r" .*\noutside client "o": network "x" .*\(networks: fabric, r\)/,
  },
  'a router that has the name of a client': {
    text: `${HEAD}nodes: [{ name: a }]\nrouters: [{ name: outside }]\n`,
    says: /^outside client "outside": the name is taken in this lab/,
  },
  'a link that is too small for IPv6': {
    text: `${HEAD}nodes: [{ name: a }]\nnetworks: [{ name: f, mtu: 1000 }]\n`,
    says: /^lab\.yaml:4: networks\[0\]\.mtu: .*1280/,
  },
  'two topologies': {
    text: `${HEAD}nodes: [{ name: a }]\n---\n${HEAD}nodes: [{ name: b }]\n`,
    says: /^more than one LabTopology \(lab\.yaml:1 and lab\.yaml:5\)/,
  },
  'a Pod whose port is a word': {
    text: 'kind: Pod\nmetadata: { name: p }\nspec:\n  containers:\n    - ports:\n        - containerPort: http\n',
    says: /^lab\.yaml:6: Pod: spec\.containers\[0\]\.ports\[0\]\.containerPort: .*expected number/,
  },
  'a Pod that asks for an unknown server': {
    text: 'kind: Pod\nmetadata:\n  name: p\n  annotations:\n    lab.evenkeel.io/serve: nginx\n',
    says: /^lab\.yaml:5: the lab can serve "hostnames" only, not "nginx"/,
  },
}

for (const [what, { text, says }] of Object.entries(CASES)) {
  t.test(`${what} is explained, and nothing is made`, async t => {
    const path = join(folder, 'lab.yaml')
    writeFileSync(path, text)
    await t.rejects(upLab({ name, files: [path], agents: false }), { name: 'LabError', message: says })
    t.same(leftovers(name), [])
  })
}

t.test('all problems of a topology come at once', async t => {
  const topology = { nodes: [{ name: 'A' }, { name: 'B' }], pods: [{ name: 'p', node: 'a', ready: 1 }] }
  // The types would not allow it; a file would.
  const up = upLab({ name, agents: false, topology: topology as never })
  await t.rejects(up, { message: /nodes\[0\]\.name.*\n.*nodes\[1\]\.name.*\n.*pods\[0\]\.ready/ })
})

t.test('the command says it on standard error, without a stack, and exits with 1', async t => {
  const missing = await evenkeel('lab', 'up', '--name', name, '-f', join(folder, 'nowhere.yaml'))
  t.match(missing, { code: 1, stdout: '' })
  t.match(missing.stderr, /^evenkeel: .*nowhere\.yaml: no such file or folder\n$/)
  const dashes = await evenkeel('lab', 'up', '--name', 'a-b')
  t.match(dashes, { code: 1, stderr: /lab name "a-b": use up to 15 lower-case letters/ })
  const unread = await evenkeel('lab', 'up', '--name', name, '--kubeconfig', join(folder, 'none'))
  t.match(unread, { code: 1, stderr: /^evenkeel: --kubeconfig .*none: can't be read \(ENOENT\)\n$/ })
  t.equal((await evenkeel('lab', 'up', '--bogus')).code, 2)
})
