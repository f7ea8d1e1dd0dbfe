// SPDX-License-Identifier: Apache-2.0
/** kube-proxy itself, of the binary that KUBE_PROXY names, in a node's namespace. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../lab/lab.ts'
import { type Means, NODE } from './means.ts'
import { CLUSTER_CIDR, type ProxiedPort } from './proxied.ts'

const API_PORT = 18_080
/** Its first sync of very many Services takes minutes (kubernetes#139513). */
const SYNC_MS = 300_000
export const MOST_SERVICES = 1_000

export function kubeProxy(binary: string, mode: 'nftables' | 'iptables'): Means {
  let running: ChildProcess[] = []
  return {
    name: `kube-proxy, ${mode}`,
    most: MOST_SERVICES,
    async serve(lab, many, tested) {
      await Promise.all(running.map(end))
      running = [await startApi(lab, many, tested), startProxy(lab, binary, mode)]
      await untilServed(lab, tested, running[1]!)
    },
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill()
  await once(child, 'exit')
}

async function startApi(lab: Lab, many: number, tested: readonly ProxiedPort[]): Promise<ChildProcess> {
  const argv = [process.execPath, join(import.meta.dirname, 'kube-api.ts'), String(API_PORT), String(many)]
  const env = { NODE_ADDRESS: lab.plan.nodes[0]!.addresses.v4 }
  const child = lab.spawn(NODE, argv, { stdio: ['pipe', 'pipe', 'inherit'], env })
  child.stdin!.end(JSON.stringify(tested))
  await once(child.stdout!, 'data')
  return child
}

function startProxy(lab: Lab, binary: string, mode: string): ChildProcess {
  const [kubeconfig, config] = ['kubeconfig', 'config'].map(name => join(lab.folder, `kube-proxy-${name}`)) as [
    string,
    string,
  ]
  writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf()))
  writeFileSync(config, JSON.stringify(configurationOf(mode, kubeconfig)))
  const log = openSync(logOf(lab), 'a')
  return lab.spawn(NODE, [binary, '--config', config], { stdio: ['ignore', log, log] })
}

function kubeconfigOf(): object {
  const name = 'bench'
  return {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': name },
    clusters: [{ name, cluster: { server: `http://127.0.0.1:${API_PORT}` } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  }
}

/** Limits of conntrack are the machine's, and stay as they are. */
function configurationOf(mode: string, kubeconfig: string): object {
  const json = 'application/json'
  return {
    ...{ apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration', mode, hostnameOverride: NODE },
    clientConnection: { kubeconfig, contentType: json, acceptContentTypes: json },
    ...{ clusterCIDR: CLUSTER_CIDR, detectLocalMode: 'ClusterCIDR' },
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  }
}

/** The Service that is tested is in the last list that it reads, and in the rules all at once. */
async function untilServed(lab: Lab, tested: readonly ProxiedPort[], proxy: ChildProcess): Promise<void> {
  const { clusterIP, port } = tested[0]!
  for (const deadline = Date.now() + SYNC_MS; Date.now() < deadline; await sleep(200)) {
    const dial = `exec 3<>/dev/tcp/${clusterIP}/${port}`
    const { code } = await lab.exec(NODE, ['timeout', '1', 'bash', '-c', dial])
    if (code === 0) return
    if (proxy.exitCode !== null || proxy.signalCode !== null) break
  }
  // The file goes with the lab.
  const said = readFileSync(logOf(lab), 'utf8').trim().split('\n').slice(-20).join('\n')
  throw new Error(`kube-proxy does not serve ${clusterIP}:${port}; what it said last:\n${said}`)
}

function logOf(lab: Lab): string {
  return join(lab.folder, 'kube-proxy.log')
}
