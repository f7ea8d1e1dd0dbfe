// SPDX-License-Identifier: Apache-2.0
/** A Kubernetes source beside a fake API server, and what it tells. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { unpackEndpoints } from '../../agent/endpoints.ts'
import type { Node, ServiceKey, ServiceView } from '../../agent/objects.ts'
import { type KubernetesOptions, kubernetesSource } from '../../agent/source/kubernetes/kubernetes.ts'
import type { Times } from '../../agent/source/kubernetes/times.ts'
import type { Problem, Update } from '../../agent/source/source.ts'
import { type FakeOptions, type FakeServer, startApiServer } from './api-server.ts'
import type { EncodingName } from './encode.ts'
import type { ApiObject } from './objects.ts'

/** Everything sooner than in earnest. */
const TIMES: Partial<Times> = { shortWatch: 100, firstRetry: 20, maxRetry: 200, answer: 5_000 }

export async function startServer(t: Test, objects: readonly ApiObject[] = [], options: FakeOptions = {}) {
  const { encodings = ENCODINGS } = t.context as { readonly encodings?: readonly EncodingName[] }
  const server = await startApiServer({ encodings, ...options })
  t.teardown(() => server.stop())
  for (const object of objects) server.store.put(object)
  return server
}

const ENCODINGS: readonly EncodingName[] = ['json', 'protobuf']

/**
 * The same with a server that writes protobuf to those who accept it, and with one that has JSON alone. Several run side by side: each
 * has a server of its own, and nearly all of the time is spent waiting.
 */
export function inEachEncoding(
  t: Test,
  what: string,
  test: (t: Test, encoding: EncodingName) => Promise<unknown>,
  jobs = 4,
): void {
  t.jobs = jobs
  for (const encoding of ENCODINGS)
    t.test(`${what} (${encoding})`, { buffered: true }, async t => {
      t.context = { encodings: encoding === 'json' ? ['json'] : ENCODINGS }
      await test(t, encoding)
    })
}

export interface Reading {
  readonly updates: Update[]
  /** All Services that stand now. */
  readonly services: Map<ServiceKey, ServiceView>
  readonly node: () => Node | null | undefined
  readonly problems: () => readonly string[]
  /** All that were ever told, in the order of their first time. */
  readonly complaints: Set<string>
  /** Waits until this holds, at most ten seconds. */
  readonly until: (holds: () => boolean) => Promise<void>
  readonly synced: () => Promise<void>
  readonly stop: () => Promise<void>
}

export async function read(
  t: Test,
  { url }: Pick<FakeServer, 'url'>,
  { times, ...options }: Partial<KubernetesOptions> = {},
): Promise<Reading> {
  const source = kubernetesSource({
    ...{ kubeconfig: kubeconfig(t, url), nodeName: 'node1', serviceProxyName: '', ...options },
    times: { ...TIMES, ...times },
  })
  const updates: Update[] = []
  const services = new Map<ServiceKey, ServiceView>()
  const complaints = new Set<string>()
  let node: Node | null | undefined
  let problems: readonly string[] = []
  t.teardown(() => source.stop())
  await source.start({
    onUpdate: update => {
      updates.push(update)
      if (update.node !== undefined) node = update.node
      for (const [key, view] of update.services) {
        if (view) services.set(key, view)
        else services.delete(key)
      }
    },
    onProblems: now => {
      problems = now.map(says)
      for (const problem of problems) complaints.add(problem)
    },
  })
  const until: Reading['until'] = async holds => {
    for (const end = performance.now() + 10_000; !holds(); await sleep(2)) {
      if (performance.now() > end) throw new Error(`it never held; problems: ${JSON.stringify(problems)}`)
    }
  }
  return {
    ...{ updates, services, complaints, until },
    node: () => node,
    problems: () => problems,
    synced: () => until(() => updates.length > 0),
    stop: () => source.stop(),
  }
}

function says({ severity, where, message }: Problem): string {
  return `${severity} ${where}: ${message}`
}

/** Long enough for anything that would come. */
export function settle(): Promise<void> {
  return sleep(250)
}

export function makeFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), `ek-kubernetes-${process.pid}-`))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A file as kubectl has it; `user` and `cluster` are put over. */
export function kubeconfig(
  t: Test,
  server: string,
  user: object = {},
  cluster: object = {},
  folder = makeFolder(t),
): string {
  const file = join(folder, 'kubeconfig')
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'test' },
    clusters: [{ name: 'fake', cluster: { server, ...cluster } }],
    contexts: [{ name: 'test', context: { cluster: 'fake', user: 'agent' } }],
    users: [{ name: 'agent', user }],
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}

/** "10.1.0.1" for each endpoint of a Service, sorted. */
export function addresses(view: ServiceView | undefined): readonly string[] {
  return (view?.slices ?? [])
    .flatMap(({ endpoints }) => unpackEndpoints(endpoints).map(({ address }) => address))
    .sort()
}
