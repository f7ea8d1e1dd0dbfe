// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { inOwnNetwork } from '../own-network.ts'
import { type Family, foreignRules, iptablesMode } from './kube-proxy.ts'
import { migrate, rulesOf, tool } from './network.ts'

const TOOLS = {
  'iptables-legacy': 'IPv4',
  'ip6tables-legacy': 'IPv6',
  'iptables-nft': 'IPv4',
  'ip6tables-nft': 'IPv6',
} as const satisfies Record<string, Family>

const NAMES = Object.keys(TOOLS) as (keyof typeof TOOLS)[]

function load(text: (family: Family) => string): void {
  for (const name of NAMES) tool([`${name}-restore`, '--noflush'], text(TOOLS[name]))
}

/** Of all four places. */
function everything(): string[] {
  return NAMES.flatMap(name => [name, ...rulesOf(`${name}-save`)])
}

/** The words of a chain that is kube-proxy's in another table only, or in another project. */
const LOOKALIKES = /KUBE-(FIREWALL|KUBELET|IPTABLES|ROUTER|POD)/

if (inOwnNetwork(import.meta.filename)) {
  load(foreignRules)
  const foreign = everything()
  load(iptablesMode)
  const both = everything()

  t.test('check says what there is, and that evenkeel does not serve', async t => {
    const { code, stdout } = migrate('check', '-o', 'json')
    const { leftovers, obstacles, warnings } = JSON.parse(stdout)
    t.equal(code, 1)
    t.same(
      leftovers.map(({ where }: { where: string }) => where).toSorted(),
      NAMES.flatMap(name => ['filter', 'mangle', 'nat'].map(table => `${name}, table ${table}`)).toSorted(),
    )
    t.match(obstacles, [/evenkeel does not serve here/])
    t.match(warnings, [/FORWARD of IPv4 drops/, /FORWARD of IPv6 drops/])
    t.match(migrate('check').stdout, /iptables-nft, table nat +8 chains, 12 rules, 3 jumps\n/)
  })

  t.test('apply refuses while evenkeel does not serve, and changes nothing', async t => {
    const { code, stderr } = migrate('apply')
    t.equal(code, 1)
    t.match(stderr, /nothing was removed:\n {2}evenkeel does not serve here/)
    t.same(everything(), both)
  })

  t.test("removed, every rule of others is as it was before kube-proxy's came", async t => {
    const { code, stderr } = migrate('apply', '--force')
    t.equal(code, 0, stderr)
    t.same(
      everything().filter(line => !line.includes('EVENKEEL-MIGRATE')),
      foreign,
    )
    t.ok(foreign.filter(line => LOOKALIKES.test(line)).length > 20, 'the likes of them among them')
    t.equal(migrate('check').stdout, 'Nothing of kube-proxy is left.\n')
  })

  t.test('put back, every rule is where it was', async t => {
    const { code, stderr } = migrate('back')
    t.equal(code, 0, stderr)
    t.same(everything(), both)
    t.match(migrate('back'), { code: 1, stderr: /nothing was saved/ }, 'and once only')
  })

  t.test('a table in which kube-proxy is at work again is left to it', async t => {
    t.equal(migrate('apply', '--force').code, 0)
    tool(['iptables-nft', '-t', 'nat', '-N', 'KUBE-SERVICES'])
    const { code, stdout } = migrate('back', '-o', 'json')
    t.equal(code, 0)
    t.same(JSON.parse(stdout).skipped, ['iptables-nft, table nat'])
    t.equal(JSON.parse(stdout).done.length, 11)
    tool(['iptables-nft', '-t', 'nat', '-X', 'KUBE-SERVICES'])
  })

  t.test('a chain that somebody else uses stays, with what it leads to', async t => {
    tool(['iptables-nft-restore', '--noflush'], iptablesMode('IPv4').replace(/^[\s\S]*(?=\*nat)/, ''))
    tool([
      'iptables-nft',
      '-t',
      'nat',
      '-A',
      'CNI-HOSTPORT-DNAT',
      '-p',
      'tcp',
      '--dport',
      '8443',
      '-j',
      'KUBE-MARK-MASQ',
    ])
    t.match(
      migrate('check').stdout,
      /stays: iptables-nft, table nat: KUBE-MARK-MASQ, .*CNI-HOSTPORT-DNAT.*--dport 8443/,
    )
    t.equal(migrate('apply', '--force').code, 0)
    const left = rulesOf('iptables-nft-save').filter(line => /KUBE-(MARK|POSTR|SERV|SVC|SEP|NODEP)/.test(line))
    t.match(left, [
      /^:KUBE-MARK-MASQ/,
      /^:KUBE-POSTROUTING/,
      /^-A POSTROUTING .* -j KUBE-POSTROUTING/,
      /^-A CNI-HOSTPORT-DNAT .* -j KUBE-MARK-MASQ/,
      /^-A KUBE-MARK-MASQ -j MARK/,
      /^-A KUBE-POSTROUTING .* -j RETURN/,
      /^-A KUBE-POSTROUTING -j MARK/,
      /^-A KUBE-POSTROUTING .* -j MASQUERADE/,
    ])
    t.equal(left.length, 8)
  })
}
