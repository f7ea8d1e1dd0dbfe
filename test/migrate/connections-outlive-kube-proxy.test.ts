// SPDX-License-Identifier: Apache-2.0
/** A node that evenkeel serves, with rules of kube-proxy that lead nowhere: whoever still went by them would not arrive. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Found } from '../../agent/cli/migrate.ts'
import { type ExecResult, failed } from '../../lab/command.ts'
import { type Cluster, prove, seen } from '../uplink/fixture.ts'
import { service } from '../uplink/manifests.ts'
import { foreignRules, iptablesMode, nftablesMode } from './kube-proxy.ts'

const VIP = '10.96.0.10'
const NODE_PORT = 30_080
const manifests = { web: [service({ nodePort: NODE_PORT, spec: { clusterIP: VIP, clusterIPs: [VIP, 'fd00:96::a'] } })] }
/** Long enough for all that is done meanwhile. */
const SLOW = { path: '/trickle/100000?seconds=6', timeout: 20_000, count: 1 } as const

const saved = mkdtempSync(join(tmpdir(), 'ek-migrate-'))
process.on('exit', () => rmSync(saved, { recursive: true, force: true }))

const TOOLS = [
  ['iptables-nft', 'IPv4'],
  ['ip6tables-nft', 'IPv6'],
] as const

async function load({ lab }: Cluster, argv: string[], input: string): Promise<void> {
  const result = await lab.exec('node1', argv, { input })
  if (result.code !== 0) throw failed(argv.join(' '), result)
}

function migrate({ lab }: Cluster, ...argv: string[]): Promise<ExecResult> {
  return lab.exec('node1', ['evenkeel', 'migrate', ...argv, '--save-to', saved])
}

async function found(cluster: Cluster): Promise<Found> {
  return JSON.parse((await migrate(cluster, 'check', '-o', 'json')).stdout)
}

function inside({ lab }: Cluster) {
  return lab.dial('node1', { protocol: 'http', address: VIP, port: 80, count: 10 })
}

prove(
  // What was saved lies in one folder: one cluster at a time.
  { manifests, modes: ['off'] },
  {
    async "kube-proxy's rules can go while a kube-proxy does not run"(t, cluster) {
      const { lab } = cluster
      for (const [tool, family] of TOOLS)
        for (const rules of [foreignRules(family).replace('FORWARD DROP', 'FORWARD ACCEPT'), iptablesMode(family)])
          await load(cluster, [`${tool}-restore`, '--noflush'], rules)
      await load(cluster, ['nft', '-f', '-'], nftablesMode())
      t.match(await found(cluster), { obstacles: [], leftovers: { length: 7 } })
      const proxy = lab.spawn('node1', ['bash', '-c', 'exec -a kube-proxy sleep 60'])
      await sleep(300)
      t.match((await found(cluster)).obstacles, [/^kube-proxy runs \(pid \d+: kube-proxy 60\)/])
      t.equal((await migrate(cluster, 'apply')).code, 1)
      const ended = once(proxy, 'exit')
      proxy.kill()
      await ended
    },
    async 'nor while its rules serve what evenkeel does not'(t, cluster) {
      const { lab } = cluster
      const rule = [
        'KUBE-SERVICES',
        '-d',
        '10.96.0.99/32',
        '-p',
        'udp',
        '--dport',
        '53',
        '-j',
        'KUBE-SVC-TCOU7JCQXEZGVUNU',
      ]
      await lab.exec('node1', ['iptables-nft', '-t', 'nat', '-A', ...rule])
      t.match((await found(cluster)).obstacles, [/serve what evenkeel does not: 10\.96\.0\.99:53\/UDP\. /])
      t.equal((await migrate(cluster, 'apply')).code, 1)
      await lab.exec('node1', ['iptables-nft', '-t', 'nat', '-D', ...rule])
    },
    async 'nor while no agent runs'(t, cluster) {
      await cluster.lab.stopAgent('node1')
      t.match((await found(cluster)).obstacles, [/agent does not run/])
      await cluster.lab.startAgent('node1')
      t.same((await found(cluster)).obstacles, [])
    },
    async 'connections through evenkeel go on when they go, new ones open'(t, cluster) {
      const { lab } = cluster
      const node = cluster.address('node1')
      const kept = [
        lab.dial('node1', { protocol: 'http', address: VIP, port: 80, ...SLOW }),
        cluster.dial(node, NODE_PORT, SLOW),
        cluster.dial(node, NODE_PORT, SLOW),
        cluster.dial(node, NODE_PORT, SLOW),
      ]
      await sleep(1000)
      const { code, stdout, stderr } = await migrate(cluster, 'apply')
      t.equal(code, 0, stderr)
      t.match(stdout, /removed: nft, table ip kube-proxy\n/)
      for (const [outcome] of await Promise.all(kept)) t.match(outcome, { bytes: 100_000 }, JSON.stringify(outcome))
      for (const outcome of await inside(cluster)) t.ok(outcome.pod, JSON.stringify(outcome))
      for (const outcome of await cluster.dial(node, NODE_PORT, { count: 10 })) t.ok(outcome.pod, seen(outcome))
      t.equal((await migrate(cluster, 'check')).stdout, 'Nothing of kube-proxy is left.\n')
    },
    async 'put back, they are not in the way of evenkeel, and serve when it is gone'(t, cluster) {
      const { lab } = cluster
      const back = await migrate(cluster, 'back')
      t.equal(back.code, 0, back.stderr)
      for (const outcome of await inside(cluster)) t.ok(outcome.pod, JSON.stringify(outcome))
      await lab.stopAgent('node1')
      t.equal((await lab.exec('node1', ['evenkeel', 'cleanup'])).code, 0)
      // Both modes at once: the first of them decides.
      await lab.exec('node1', ['nft', 'delete', 'table', 'ip', 'kube-proxy'])
      const [outcome] = await lab.dial('node1', { protocol: 'http', address: VIP, port: 80, timeout: 500 })
      t.ok(outcome?.error, 'its endpoint is nowhere in this test')
      const { stdout } = await lab.exec('node1', ['iptables-nft', '-t', 'nat', '-nvxL', 'KUBE-SEP-ZP3FB6NMPNCO4VBJ'])
      t.match(stdout, /^ +1 +\d+ DNAT/m, 'but it was asked for')
    },
  },
)
