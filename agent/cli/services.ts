// SPDX-License-Identifier: Apache-2.0
/** `evenkeel services`: what the kernel serves now, read from the maps. */
import { Command } from 'commander'
import { type Frontend, FrontendFlag, type FrontendKey, scopeName } from '../kernel/layout.gen.ts'
import type { Dataplane } from '../reconcile/dataplane.ts'
import { bpffsOption, withDataplane } from './bpffs.ts'
import { type Format, outputOption, printJson, printTable } from './output.ts'
import { endpointText, protocolText } from './text.ts'

export interface LiveService {
  /** "namespace/name:port/PROTO" */
  readonly service: string
  /** "10.96.0.10:80/TCP" */
  readonly frontend: string
  readonly scope: string
  readonly backends: readonly string[]
  readonly affinitySeconds: number
  readonly onEmpty: 'refuse' | 'drop'
  /** Only there where backends of other nodes answer outside clients directly. */
  readonly forwarding?: 'dsr'
  /** Since the Service port was first seen; the same for all its frontends. */
  readonly connections: bigint
  readonly packets: bigint
  readonly bytes: bigint
  readonly rejected: bigint
}

/** Every frontend with its backends, sorted by Service, then frontend. */
export function liveServices(dataplane: Dataplane): LiveService[] {
  const names = new Map([...dataplane.services.entries()].map(([id, { name }]) => [id, name]))
  const frontends = [...dataplane.frontends.entries()].filter(([, value]) => !(value.flags & FrontendFlag.ADDRESS))
  return frontends
    .map(([key, value]) => liveService(dataplane, names, key, value))
    .sort((a, b) => compare(a.service, b.service) || compare(a.frontend, b.frontend) || compare(a.scope, b.scope))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function liveService(
  dataplane: Dataplane,
  names: ReadonlyMap<number, string>,
  key: FrontendKey,
  value: Frontend,
): LiveService {
  const counters = dataplane.counters.sum(value.service)
  return {
    service: names.get(value.service) ?? `#${value.service}`,
    frontend: `${endpointText(key.addr, key.port)}/${protocolText(key.proto)}`,
    scope: scopeName(key.scope).toLowerCase(),
    backends: backendsOf(dataplane, value),
    affinitySeconds: value.affinity,
    onEmpty: value.flags & FrontendFlag.DROP ? 'drop' : 'refuse',
    ...(value.flags & FrontendFlag.DSR ? { forwarding: 'dsr' as const } : {}),
    connections: counters?.connections ?? 0n,
    packets: counters?.packets ?? 0n,
    bytes: counters?.bytes ?? 0n,
    rejected: counters?.rejected ?? 0n,
  }
}

function backendsOf(dataplane: Dataplane, value: Frontend): string[] {
  if (value.size === 0) return []
  const ids = dataplane.tables.view(value.table, Math.ceil((value.backends * 4) / dataplane.tables.stride))
  return Array.from({ length: value.backends }, (_, i) => {
    const backend = dataplane.backends.read(ids.readUInt32LE(i * 4))
    return endpointText(backend.addr, backend.port)
  })
}

const SHOWN = 3

function row(service: LiveService): (string | number)[] {
  const { backends } = service
  const more = backends.length > SHOWN ? ` +${backends.length - SHOWN}` : ''
  const affinity = service.affinitySeconds > 0 ? `${service.affinitySeconds}s` : ''
  return [
    service.service,
    service.frontend,
    service.scope,
    backends.length === 0 ? `(${service.onEmpty})` : backends.slice(0, SHOWN).join(' ') + more,
    affinity,
    String(service.connections),
    String(service.rejected),
  ]
}

export function servicesCommand(): Command {
  return new Command('services')
    .description("What the kernel serves now: frontends and their backends, read from this node's maps.")
    .argument('[filter]', 'only Services whose name contains this text')
    .addOption(bpffsOption())
    .addOption(outputOption())
    .action((filter: string | undefined, { bpffs, output }: { bpffs: string; output: Format }) => {
      const all = withDataplane(bpffs, liveServices)
      const found = all.filter(({ service }) => service.includes(filter ?? ''))
      if (output === 'json') return printJson(found)
      printTable(['service', 'frontend', 'scope', 'backends', 'affinity', 'connections', 'rejected'], found.map(row))
    })
}
