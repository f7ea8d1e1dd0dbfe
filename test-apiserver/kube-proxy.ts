// SPDX-License-Identifier: Apache-2.0
/** A real kube-proxy in a node of a lab, which reads objects that stand still. */
import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../lab/lab.ts'
import type { ApiObject } from '../test/kubernetes/objects.ts'

export type Mode = 'nftables' | 'iptables'

export interface KubeProxyOptions {
  readonly lab: Lab
  readonly node: string
  readonly binary: string
  readonly mode: Mode
  /** Services, EndpointSlices of v1 and the Node. */
  readonly objects: readonly ApiObject[]
  /** Of KubeProxyConfiguration, over what is given anyway. */
  readonly config?: object
}

export interface KubeProxy {
  readonly pid: number
  readonly isRunning: () => boolean
  /** What it said, most of a page. */
  readonly lastWords: () => string
  /** Its rules stay. Waits until it has ended. */
  readonly stop: () => Promise<void>
}

const API_PORT = 18_080
const READY_MS = 30_000
const TAIL_LINES = 20

/** Resolves once its first rules are written; with thousands of Services that takes minutes: see `untilSynced`. */
export async function startKubeProxy(options: KubeProxyOptions): Promise<KubeProxy> {
  const { lab, node, binary } = options
  const log = join(lab.folder, `${node}-kube-proxy.log`)
  const [kubeconfig, config] = ['kubeconfig', 'config'].map(name => join(lab.folder, `${node}-kube-proxy-${name}`))
  writeFileSync(kubeconfig!, JSON.stringify(kubeconfigOf()))
  writeFileSync(config!, JSON.stringify(configurationOf(options, kubeconfig!)))
  const api = await startApi(options)
  const output = openSync(log, 'w')
  const proxy = lab.spawn(node, [binary, '--config', config!], { stdio: ['ignore', output, output] })
  closeSync(output)
  return {
    pid: proxy.pid!,
    isRunning: () => proxy.exitCode === null && proxy.signalCode === null,
    lastWords: () => readFileSync(log, 'utf8').trim().split('\n').slice(-TAIL_LINES).join('\n'),
    async stop() {
      await Promise.all([end(proxy), end(api)])
    },
  }
}

/** Waits until it says that it has written what it knows of. Its health server is 10256 by default. */
export async function untilSynced({ lab, node }: KubeProxyOptions, proxy: KubeProxy, ms = READY_MS): Promise<void> {
  for (const deadline = Date.now() + ms; Date.now() < deadline && proxy.isRunning(); await sleep(100)) {
    const { stdout } = await lab.exec(node, ['curl', '-s', '-m', '1', 'http://127.0.0.1:10249/metrics'])
    const last = /^kubeproxy_sync_proxy_rules_last_timestamp_seconds(?:{.*})? (\S+)/m.exec(stdout)?.[1]
    if (Number(last) > 0) return
  }
  throw new Error(`kube-proxy has not written its rules; what it said last:\n${proxy.lastWords()}`)
}

async function startApi({ lab, node, objects }: KubeProxyOptions): Promise<ChildProcess> {
  const argv = [process.execPath, join(import.meta.dirname, 'still-api.ts'), String(API_PORT)]
  const api = lab.spawn(node, argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  api.stdin!.end(JSON.stringify({ items: objects }))
  await once(api.stdout!, 'data')
  return api
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill()
  await once(child, 'exit')
}

function kubeconfigOf(): object {
  const name = 'still'
  return {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': name },
    clusters: [{ name, cluster: { server: `http://127.0.0.1:${API_PORT}` } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  }
}

/** Limits of conntrack are the machine's, and stay as they are. */
function configurationOf({ node, mode, config }: KubeProxyOptions, kubeconfig: string): object {
  const json = 'application/json'
  return {
    ...{ apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration', mode, hostnameOverride: node },
    clientConnection: { kubeconfig, contentType: json, acceptContentTypes: json },
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    ...config,
  }
}

/** "1.20.2" */
export function versionOf(binary: string): string {
  const said = execFileSync(binary, ['--version'], { encoding: 'utf8' })
  const version = /v(1\.\d+\.\S+)/.exec(said)?.[1]
  if (version === undefined) throw new Error(`${binary} --version says no version: ${said.trim()}`)
  return version
}

/** Without a feature gate: nftables since 1.31. */
export function modesOf(version: string): readonly Mode[] {
  return Number(version.split('.')[1]) >= 31 ? ['nftables', 'iptables'] : ['iptables']
}
