// SPDX-License-Identifier: Apache-2.0
/** Folders of manifests for the tests of this directory, and what the source makes of them. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { unpackEndpoints } from '../../agent/endpoints.ts'
import type { ServiceKey, ServiceView } from '../../agent/objects.ts'
import { loadManifests } from '../../agent/source/manifests/load.ts'
import { type ManifestsOptions, manifestsSource } from '../../agent/source/manifests/manifests.ts'
import type { Problem, Update } from '../../agent/source/source.ts'

export interface Folder {
  readonly path: string
  /** Text as it is, objects as JSON documents. */
  readonly write: (name: string, content: string | readonly unknown[]) => void
  readonly remove: (name: string) => void
}

export function makeFolder(t: Test, files: Readonly<Record<string, string | readonly unknown[]>> = {}): Folder {
  const path = mkdtempSync(join(tmpdir(), `ek-source-${process.pid}-`))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  const write: Folder['write'] = (name, content) => {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    const text = typeof content === 'string' ? content : content.map(object => JSON.stringify(object)).join('\n---\n')
    writeFileSync(join(path, name), text)
  }
  for (const [name, content] of Object.entries(files)) write(name, content)
  return { path, write, remove: name => rmSync(join(path, name), { recursive: true }) }
}

/** Reads objects, or one text, once. */
export async function load(
  t: Test,
  content: string | readonly unknown[],
  options: Parameters<typeof loadManifests>[1] = {},
) {
  const { path } = makeFolder(t, { 'all.yaml': content })
  const loaded = await loadManifests([path], options)
  return { ...loaded, problems: loaded.problems.map(problem => says(problem, path)) }
}

/** "error web.yaml:3 …", without the folder's own path. */
export function says({ severity, where, message }: Problem, folder: string): string {
  return `${severity} ${where}: ${message}`.replaceAll(`${folder}/`, '').replaceAll(folder, 'FOLDER')
}

export interface Watching {
  readonly updates: Update[]
  /** All Services that stand now. */
  readonly services: Map<ServiceKey, ServiceView>
  readonly problems: () => readonly string[]
  /** Waits until this holds, at most ten seconds. */
  readonly until: (holds: () => boolean) => Promise<void>
  /** Waits long enough for anything that would come. */
  readonly settle: () => Promise<void>
  readonly stop: () => Promise<void>
}

export async function watchFolder(t: Test, path: string, options: Partial<ManifestsOptions> = {}): Promise<Watching> {
  const source = manifestsSource({ paths: [path], nodeName: 'node1', debounceMs: 20, ...options })
  const updates: Update[] = []
  const services = new Map<ServiceKey, ServiceView>()
  let problems: readonly Problem[] = []
  t.teardown(() => source.stop())
  await source.start({
    onUpdate: update => {
      updates.push(update)
      for (const [key, view] of update.services) {
        if (view) services.set(key, view)
        else services.delete(key)
      }
    },
    onProblems: now => {
      problems = now
    },
  })
  return {
    updates,
    services,
    problems: () => problems.map(problem => says(problem, path)),
    until: async holds => {
      for (const end = performance.now() + 10_000; !holds(); await sleep(5)) {
        if (performance.now() > end) throw new Error(`it never held; problems: ${JSON.stringify(problems)}`)
      }
    },
    settle: () => sleep(250),
    stop: () => source.stop(),
  }
}

export function service(
  name: string,
  spec: Readonly<Record<string, unknown>> = {},
  metadata: Readonly<Record<string, unknown>> = {},
) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...metadata },
    spec: { ports: [{ port: 80 }], ...spec },
  }
}

export function pod(
  name: string,
  ip: string,
  more: Readonly<{ labels?: object; metadata?: object; spec?: object; status?: object }> = {},
) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: more.labels ?? { app: 'web' }, ...more.metadata },
    spec: { nodeName: 'node1', containers: [], ...more.spec },
    status: { phase: 'Running', podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }], ...more.status },
  }
}

export function node(name: string, zone: string, addresses: readonly string[] = []) {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } },
    status: { addresses: addresses.map(address => ({ type: 'InternalIP', address })) },
  }
}

export function slice(name: string, of: string, addresses: readonly string[]) {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    ports: [{ port: 8080 }],
    endpoints: addresses.map(address => ({ addresses: [address] })),
  }
}

/** "10.1.0.1:8080" for each ready endpoint and port, sorted. */
export function answering(view: ServiceView | undefined): readonly string[] {
  const all = (view?.slices ?? []).flatMap(({ ports, endpoints }) =>
    unpackEndpoints(endpoints)
      .filter(({ state }) => state.ready)
      .flatMap(({ address }) => ports.map(({ port }) => `${address}:${port}`)),
  )
  return all.sort()
}
