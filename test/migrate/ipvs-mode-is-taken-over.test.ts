// SPDX-License-Identifier: Apache-2.0
/** Rules, sets and device are real. Virtual servers are not where a kernel is built without IPVS: there only what ipvsadm prints. */
import { existsSync } from 'node:fs'
import t from 'tap'
import { splitServers } from '../../agent/migrate/ipvs.ts'
import { inOwnNetwork } from '../own-network.ts'
import { foreignRules, IPVS_MODE, IPVS_SETS } from './kube-proxy.ts'
import { migrate, rulesOf, tool } from './network.ts'

const sets = () => tool(['ipset', 'save']).split('\n').toSorted()
const rules = () => rulesOf('iptables-legacy-save')

interface Listed {
  readonly linkinfo: { readonly info_kind: string }
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[]
}

function addresses(): string[] {
  const [device]: Listed[] = JSON.parse(tool(['ip', '-j', '-d', 'addr', 'show', 'dev', 'kube-ipvs0']))
  const given = device!.addr_info.filter(({ scope }) => scope !== 'link')
  return [device!.linkinfo.info_kind, ...given.map(({ local, prefixlen }) => `${local}/${prefixlen}`)]
}

/** A kernel without dummy devices takes another kind: what counts is its name. */
function addDevice(): void {
  try {
    tool(['ip', 'link', 'add', 'kube-ipvs0', 'type', 'dummy'])
  } catch {
    tool(['ip', 'link', 'add', 'kube-ipvs0', 'type', 'bridge'])
  }
  for (const address of ['10.96.0.10/32', 'fd00:96::a/128'])
    tool(['ip', 'addr', 'add', address, 'dev', 'kube-ipvs0', 'nodad'])
}

/** As ipvsadm 1.31 prints them: `ipvsadm -S -n`. */
const SERVERS = `-A -t 10.96.0.10:80 -s rr
-a -t 10.96.0.10:80 -r 10.244.1.5:8080 -m -w 1
-A -u [fd00:96::a]:53 -s rr -p 10800
-a -u [fd00:96::a]:53 -r [fd00:244::5]:53 -m -w 1
-A -t 192.0.2.1:30080 -s rr
-A --sctp-service 10.96.0.10:9 -s rr
-A -t 192.0.2.7:25 -s wlc
-a -t 192.0.2.7:25 -r 192.0.2.8:25 -g -w 1
`

if (inOwnNetwork(import.meta.filename)) {
  tool(['iptables-legacy-restore', '--noflush'], foreignRules('IPv4'))
  const foreign = rules()
  tool(['ipset', 'restore'], IPVS_SETS)
  tool(['iptables-legacy-restore', '--noflush'], IPVS_MODE)
  addDevice()
  const before = { rules: rules(), sets: sets(), addresses: addresses() }

  t.test('rules, then the sets they use, and the device go', async t => {
    const { code, stderr } = migrate('apply', '--force')
    t.equal(code, 0, stderr)
    t.same(
      rules().filter(line => !line.includes('EVENKEEL-MIGRATE')),
      foreign,
    )
    t.same(tool(['ipset', 'list', '-n']), 'KUBE-NWPLCY-SET\n', "a set of kube-router's stays")
    t.notOk(existsSync('/sys/class/net/kube-ipvs0'))
  })

  t.test('all of it comes back', async t => {
    const { code, stderr } = migrate('back')
    t.equal(code, 0, stderr)
    t.same({ rules: rules(), sets: sets(), addresses: addresses() }, before)
  })

  t.test('virtual servers at addresses of kube-ipvs0 and at nodePorts are kube-proxys, others are not', async t => {
    const { ours, foreign } = splitServers(SERVERS, ['10.96.0.10/32', 'fd00:96::a/128'], new Set([30_080]))
    t.same(
      ours.filter(({ isServer }) => isServer).map(({ server }) => server),
      ['10.96.0.10:80/TCP', '[fd00:96::a]:53/UDP', '192.0.2.1:30080/TCP', '10.96.0.10:9/SCTP'],
    )
    t.equal(ours.length, 6, 'with their backends')
    t.same(
      foreign.map(({ server }) => server),
      ['192.0.2.7:25/TCP'],
    )
  })
}
