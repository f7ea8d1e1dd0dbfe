// SPDX-License-Identifier: Apache-2.0
/** kube-apiserver in a lab's place, over TLS. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from '../lab/lab.ts'
import { type Authority, makeAuthority, type Signed } from '../test/kubernetes/certificates.ts'
import type { Client } from './client.ts'
import { type Daemon, startDaemon } from './daemon.ts'
import type { Programs } from './programs.ts'

/** As in many clusters, and room for 10,000 Services. The /12 is the largest that a server takes. */
const SERVICE_CIDR = '10.96.0.0/12'
export const ADMIN_TOKEN = 'of-the-test'
const ISSUER = 'https://kubernetes.default.svc'

/** What a server keeps from one start to the next. */
export interface Identity {
  readonly authority: Authority
  readonly server: Signed
  readonly tokens: string
}

export function makeIdentity(folder: string, addresses: readonly string[]): Identity {
  const authority = makeAuthority(folder, 'kubernetes')
  const tokens = join(folder, 'tokens.csv')
  writeFileSync(tokens, `${ADMIN_TOKEN},admin,1,"system:masters"\n`)
  return { authority, server: authority.sign('apiserver', [...addresses, '127.0.0.1']), tokens }
}

export interface ApiServerOptions {
  readonly lab: Lab
  readonly programs: Programs
  readonly identity: Identity
  readonly folder: string
  readonly etcd: string
  readonly client: Client
  readonly host: string
  readonly port: number
}

/** Resolves when it says that it is ready. */
export function startApiServer(options: ApiServerOptions): Promise<Daemon> {
  const { lab, programs, folder, client } = options
  const isReady = async () => (await client.ask('GET', '/readyz')).status === 'ok'
  return startDaemon({
    lab,
    argv: [programs.server, ...flags(options)],
    logFile: join(folder, 'kube-apiserver.log'),
    isReady,
  })
}

function flags({ programs, identity, folder, etcd, host, port }: ApiServerOptions): string[] {
  const { server, tokens } = identity
  const given: Readonly<Record<string, string>> = {
    'etcd-servers': etcd,
    'bind-address': host,
    'advertise-address': host,
    'secure-port': String(port),
    'cert-dir': folder,
    'tls-cert-file': server.certFile,
    'tls-private-key-file': server.keyFile,
    'token-auth-file': tokens,
    'authorization-mode': 'RBAC',
    'service-cluster-ip-range': SERVICE_CIDR,
    'service-account-issuer': ISSUER,
    'service-account-signing-key-file': server.keyFile,
    'service-account-key-file': server.certFile,
    // Else an agent that reads "kubernetes" in default would serve the server's own address, and an outage change that.
    'endpoint-reconciler-type': 'none',
    ...(needsSlicesV1(programs) && { 'runtime-config': 'discovery.k8s.io/v1beta1=false' }),
  }
  return Object.entries(given).map(([name, value]) => `--${name}=${value}`)
}

/** The server has no EndpointSlices of v1. */
export function needsSlicesV1({ minor }: Programs): boolean {
  return minor < 21
}
