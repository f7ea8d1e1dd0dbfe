// SPDX-License-Identifier: Apache-2.0
/** kube-proxy itself, of the binary that KUBE_PROXY names, in a node's namespace. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../lab/lab.ts'
import { type KubeProxy, type Mode, modesOf, startKubeProxy, versionOf } from '../test-apiserver/kube-proxy.ts'
import { type Means, NODE } from './means.ts'
import { CLUSTER_CIDR, type ProxiedPort, proxiedPorts } from './proxied.ts'
import { proxiedObjects } from './proxied-objects.ts'

/** Its first sync of very many Services takes minutes (kubernetes#139513). */
const SYNC_MS = 300_000
const MOST_SERVICES = 1_000

/** One in each mode that this version has. */
export function kubeProxies(binary: string): readonly Means[] {
  const version = versionOf(binary)
  return modesOf(version).map(mode => kubeProxy(binary, version, mode))
}

function kubeProxy(binary: string, version: string, mode: Mode): Means {
  let running: KubeProxy | undefined
  return {
    name: `kube-proxy ${version}, ${mode}`,
    most: MOST_SERVICES,
    async serve(lab, many, tested) {
      await running?.stop()
      const objects = proxiedObjects(lab, proxiedPorts(many, tested))
      const config = { clusterCIDR: CLUSTER_CIDR, detectLocalMode: 'ClusterCIDR' }
      running = await startKubeProxy({ lab, node: NODE, binary, mode, objects, config })
      await untilServed(lab, tested, running)
      if (mode === 'iptables') process.stderr.write(`${this.name}: ${await placeOf(lab, tested)}\n`)
    },
    end: async () => running?.stop(),
  }
}

/** It writes Services in no order, so that their number does not say how many rules a packet meets. */
async function placeOf(lab: Lab, tested: readonly ProxiedPort[]): Promise<string> {
  const { clusterIP } = tested[0]!
  const { stdout } = await lab.exec(NODE, ['iptables', '-t', 'nat', '-S', 'KUBE-SERVICES'])
  const rules = stdout.split('\n').filter(line => line.startsWith('-A'))
  const last = rules.findLastIndex(rule => rule.includes(` ${clusterIP}/32 `))
  return `rule ${last + 1} of ${rules.length} in KUBE-SERVICES is the tested Service's`
}

/** The Service that is tested is in the last list that it reads, and in the rules all at once. */
async function untilServed(lab: Lab, tested: readonly ProxiedPort[], proxy: KubeProxy): Promise<void> {
  const { clusterIP, port } = tested[0]!
  for (const deadline = Date.now() + SYNC_MS; Date.now() < deadline && proxy.isRunning(); await sleep(200)) {
    const dial = `exec 3<>/dev/tcp/${clusterIP}/${port}`
    const { code } = await lab.exec(NODE, ['timeout', '1', 'bash', '-c', dial])
    if (code === 0) return
  }
  throw new Error(`kube-proxy does not serve ${clusterIP}:${port}; what it said last:\n${proxy.lastWords()}`)
}
