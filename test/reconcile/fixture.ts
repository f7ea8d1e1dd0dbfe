// SPDX-License-Identifier: Apache-2.0
/** Real maps in a bpffs folder of the test's own, and Services to put into them. */
import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Backend, CompiledPort, CompiledService, Frontend } from '../../agent/compile/compiled.ts'
import { type LoadedObject, loadObject } from '../../agent/kernel/objects.ts'
import { pinFolder } from '../../agent/kernel/pins.ts'
import { type Dataplane, dataplaneOf } from '../../agent/reconcile/dataplane.ts'
import type { Reconciler } from '../../agent/reconcile/reconciler.ts'

const objectFile = (name: string) => fileURLToPath(new URL(`../../bpf/build/${name}.bpf.o`, import.meta.url))
/** All of them: to make maps of the default sizes takes seconds on a busy machine. */
const SIZES = {
  frontends: 4_096,
  backends: 4_096,
  tables: 8_192,
  services: 1_024,
  counters: 1_024,
  flows: 1_024,
  opening: 1_024,
  affinity: 1_024,
  fragments: 1_024,
  sockOrig: 1_024,
  sockChoices: 1_024,
}

export interface Fixture {
  /** The maps, opened once more, as an agent does that starts. */
  open(): Dataplane
  remove(): void
}

export function fixture(name: string, sizes: Partial<typeof SIZES> = {}): Fixture {
  const root = `/sys/fs/bpf/ek-test-${name}-${process.pid}`
  mkdirSync(root)
  const opened: { objects: readonly LoadedObject[]; dataplane: Dataplane }[] = []
  process.once('exit', () => rmSync(root, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  return {
    open() {
      const folder = pinFolder(root)
      const settings = { eventSample: 0, netnsCookie: 0n }
      const load = (name: string) =>
        loadObject({ file: objectFile(name), folder, settings, sizes: { ...SIZES, ...sizes }, programs: [] })
      const [packet, sockets] = [load('tc'), load('socket')]
      const dataplane = dataplaneOf(packet, sockets)
      opened.push({ objects: [packet, sockets], dataplane })
      return dataplane
    },
    remove() {
      for (const { objects, dataplane } of opened.splice(0)) {
        dataplane.close()
        for (const object of objects) object.close()
      }
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** The backend 10.244.0.HOST:8080 of a Service as the maps have it. */
export function liveBackend({ backends }: Dataplane, { live }: Reconciler, service: string, host: number) {
  const ids = live.ports.get(`default/${service}:http/TCP`)?.backends ?? []
  const address = Buffer.from([10, 244, 0, host])
  const found = ids.map(id => ({ id, ...backends.read(id) })).find(({ addr }) => address.equals(addr.subarray(12)))
  if (found === undefined) throw new Error(`${service} has no backend 10.244.0.${host}`)
  return found
}

/** Backends 10.244.0.N:8080 in the Cluster pool of IPv4. */
export function backends(...hosts: readonly number[]): Backend[] {
  return hosts.map(host => ({ address: `10.244.0.${host}`, port: 8080, pools: 1, local: false }))
}

export function frontend(address: string, port = 80, more: Partial<Frontend> = {}): Frontend {
  const base = { scope: 'cluster', kind: 'clusterIP', policy: 'Cluster', pool: 0, onEmpty: 'refuse' } as const
  return { address, port, ...base, ...more }
}

/** A Service of one TCP port. */
export function service(
  name: string,
  frontends: readonly Frontend[],
  members: readonly Backend[],
  more: Partial<CompiledPort> = {},
): CompiledService {
  const key = `default/${name}`
  const port = { name: `${key}:http/TCP`, port: 'http', protocol: 'TCP', affinitySeconds: 0, ...more } as const
  return { key, created: 0, ports: [{ ...port, backends: members, frontends }], warnings: [] }
}

export function desired(...services: readonly CompiledService[]): Map<string, CompiledService> {
  return new Map(services.map(one => [one.key, one]))
}
