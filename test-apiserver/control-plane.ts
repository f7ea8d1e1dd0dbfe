// SPDX-License-Identifier: Apache-2.0
/** etcd and kube-apiserver in a lab, a client that may do all, and a kubeconfig with just the agents' rights. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../lab/lab.ts'
import { ADMIN_TOKEN, makeIdentity, needsSlicesV1, startApiServer } from './api-server.ts'
import { type Client, createClient } from './client.ts'
import { type Daemon, startDaemon } from './daemon.ts'
import { type Etcd, startEtcd } from './etcd.ts'
import { findPrograms, type Programs } from './programs.ts'
import { ACCOUNT, RIGHTS } from './rights.ts'
import { SLICES_V1 } from './slices-v1.ts'

/** Of the lab's place "outside". */
const HOST = '172.31.0.200'
const PORT = 6443
/** Where nobody looks for it but `client`. */
const ASIDE_PORT = 6444

export interface ControlPlane {
  readonly programs: Programs
  /** Of the agents. It is there before the control plane starts. */
  readonly kubeconfig: string
  readonly client: Client
  /** etcd and the server, with the agents' account and rights in it. */
  readonly start: (lab: Lab) => Promise<void>
  readonly killServer: (signal?: NodeJS.Signals) => Promise<void>
  readonly startServer: () => Promise<void>
  readonly serverPid: () => number
  readonly saveSnapshot: () => Promise<void>
  /** etcd as it was when the snapshot was saved. The server must not run. */
  readonly restoreSnapshot: () => Promise<void>
  /** What `work` does with `client` comes from a server at a port that no agent knows. */
  readonly aside: (work: () => Promise<void>) => Promise<void>
  /** After the lab is down. */
  readonly remove: () => void
}

export function createControlPlane(): ControlPlane {
  const programs = findPrograms()
  const folder = mkdtempSync(join(tmpdir(), `ek-apiserver-${process.pid}-`))
  const identity = makeIdentity(folder, [HOST])
  const kubeconfig = join(folder, 'kubeconfig')
  const tokenFile = join(folder, 'token')
  const snapshot = join(folder, 'snapshot.db')
  writeFileSync(kubeconfig, JSON.stringify(agentsKubeconfig(identity.authority.file, tokenFile)))
  const socketOf = (port: number) => join(folder, `${port}.sock`)
  let at = PORT
  const { certificate: ca } = identity.authority
  const client = createClient({ socketPath: () => socketOf(at), ca, token: ADMIN_TOKEN })
  let lab: Lab
  let etcd: Etcd
  let server: Daemon

  function removeFolder(): void {
    rmSync(folder, { recursive: true, force: true })
  }

  async function serve(port: number): Promise<void> {
    at = port
    server = await startApiServer({ lab, programs, identity, folder, etcd: etcd.url, client, host: HOST, port })
  }

  async function bridge(port: number): Promise<void> {
    const path = socketOf(port)
    const argv = [process.execPath, join(import.meta.dirname, 'bridge.ts'), path, HOST, String(port)]
    await startDaemon({ lab, argv, logFile: join(folder, 'bridge.log'), isReady: async () => existsSync(path) })
  }

  return {
    programs,
    kubeconfig,
    client,
    async start(given) {
      lab = given
      // However this process ends: the lab's own, which goes first, is there already.
      process.on('exit', removeFolder)
      await Promise.all([bridge(PORT), bridge(ASIDE_PORT)])
      etcd = await startEtcd({ lab, programs, folder })
      await serve(PORT)
      writeFileSync(tokenFile, await prepare(client, programs))
    },
    killServer: signal => server.kill(signal),
    startServer: () => serve(PORT),
    serverPid: () => server.pid,
    saveSnapshot: () => etcd.save(snapshot),
    async restoreSnapshot() {
      await etcd.kill()
      etcd = await startEtcd({ lab, programs, folder, snapshot, name: 'restored' })
    },
    async aside(work) {
      await serve(ASIDE_PORT)
      try {
        await work()
      } finally {
        await server.kill('SIGTERM')
      }
    },
    remove() {
      client.close()
      process.off('exit', removeFolder)
      removeFolder()
    },
  }
}

function agentsKubeconfig(ca: string, tokenFile: string): object {
  return {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'agent' },
    clusters: [{ name: 'lab', cluster: { server: `https://${HOST}:${PORT}`, 'certificate-authority': ca } }],
    contexts: [{ name: 'agent', context: { cluster: 'lab', user: 'agent' } }],
    users: [{ name: 'agent', user: { tokenFile } }],
  }
}

/** The agents' account with its rights, and EndpointSlices where the server has none; gives the account's token. */
async function prepare(client: Client, programs: Programs): Promise<string> {
  await eventually(() => client.put(ACCOUNT))
  for (const object of RIGHTS) await client.put(object)
  if (needsSlicesV1(programs)) await client.put(SLICES_V1)
  await eventually(() => client.list('EndpointSlice'))
  return tokenOf(client)
}

async function tokenOf(client: Client): Promise<string> {
  const { name, namespace } = ACCOUNT.metadata
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 86_400 } }
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`
  const { status } = await client.ask('POST', path, request)
  return (status as { token: string }).token
}

/** The server makes its namespaces and the paths of custom resources in its own time. */
async function eventually(work: () => Promise<unknown>): Promise<void> {
  for (const deadline = Date.now() + 30_000; ; await sleep(100)) {
    try {
      await work()
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
    }
  }
}
