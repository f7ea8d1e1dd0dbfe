// SPDX-License-Identifier: Apache-2.0
/** The maps of one node's dataplane, opened. */
import { type MappedArray, mapArray } from '../kernel/array.ts'
import { bridge } from '../kernel/bridge.ts'
import {
  type Addr,
  type Affinity,
  type AffinityKey,
  type Backend,
  type Block,
  type Flow,
  type Frontend,
  type FrontendKey,
  MAPS,
  type Range,
  type Ring,
  type Service,
  type ServiceCounters,
  type Sock,
  type SockKey,
  type Tuple,
  type Uplink,
} from '../kernel/layout.gen.ts'
import { openMap, type TypedMap } from '../kernel/maps.ts'
import { MismatchError } from '../kernel/mismatch.ts'
import type { LoadedObject } from '../kernel/objects.ts'
import { newOperations, type Operations } from '../kernel/operations.ts'
import { openPerCpuMap, type PerCpuMap } from '../kernel/percpu.ts'
import { openPinnedMap, otherVersions, pinFolder } from '../kernel/pins.ts'
import type { MapName } from '../kernel/takeover.ts'
import { ringSlots } from './rings.ts'

/** What the socket path remembers of sockets. */
export interface SocketMaps {
  readonly orig: TypedMap<SockKey, Sock>
  readonly choices: TypedMap<SockKey, Sock>
}

export interface Dataplane {
  readonly frontends: TypedMap<FrontendKey, Frontend>
  readonly backends: MappedArray<Backend>
  readonly tables: MappedArray<Block>
  /** A bit for each address that may be ours. */
  readonly addresses: MappedArray<Block>
  readonly affinity: TypedMap<AffinityKey, Affinity>
  readonly flows: TypedMap<Tuple, Flow>
  /** By CPU, of what stands in ek_opening. */
  readonly rings: MappedArray<Ring>
  /** Slots of each CPU's ring. */
  readonly ringSlots: number
  readonly nodeAddrs: TypedMap<Addr, number>
  /** By interface index. */
  readonly uplinks: TypedMap<number, Uplink>
  readonly ranges: TypedMap<Range, number>
  readonly services: TypedMap<number, Service>
  readonly counters: PerCpuMap<number, ServiceCounters>
  readonly reasons: PerCpuMap<number, bigint>
  /** Without the socket path there are none. */
  readonly sockets: SocketMaps | undefined
  /** What was asked of the kernel, over all maps. */
  readonly operations: Operations
  close(): void
}

type MapFd = (name: MapName) => number

function openDataplane(fd: MapFd, socketFd: MapFd | undefined, writable: boolean): Dataplane {
  const operations = newOperations()
  const options = { operations }
  const maps = {
    frontends: openMap(MAPS.frontends, fd('frontends'), options),
    backends: mapArray(MAPS.backends, fd('backends'), { operations, writable }),
    tables: mapArray(MAPS.tables, fd('tables'), { operations, writable }),
    addresses: mapArray(MAPS.addresses, fd('addresses'), { operations, writable }),
    affinity: openMap(MAPS.affinity, fd('affinity'), options),
    flows: openMap(MAPS.flows, fd('flows'), options),
    rings: mapArray(MAPS.rings, fd('rings'), { operations, writable }),
    opening: openMap(MAPS.opening, fd('opening'), options),
    nodeAddrs: openMap(MAPS.nodeAddrs, fd('nodeAddrs'), options),
    uplinks: openMap(MAPS.uplinks, fd('uplinks'), options),
    ranges: openMap(MAPS.ranges, fd('ranges'), options),
    services: openMap(MAPS.services, fd('services'), options),
    counters: openPerCpuMap(MAPS.counters, fd('counters'), options),
    reasons: openPerCpuMap(MAPS.reasons, fd('reasons'), options),
  }
  const sockets = socketFd && {
    orig: openMap(MAPS.sockOrig, socketFd('sockOrig'), options),
    choices: openMap(MAPS.sockChoices, socketFd('sockChoices'), options),
  }
  return {
    ...maps,
    ringSlots: ringSlots(maps.opening.maxEntries, maps.flows.maxEntries),
    sockets,
    operations,
    close() {
      for (const map of [...Object.values(maps), ...Object.values(sockets ?? {})]) map.close()
    },
  }
}

/** The maps that loaded objects use, for the agent. `sockets`: of the socket path, where it is in use. */
export function dataplaneOf(object: LoadedObject, sockets?: LoadedObject): Dataplane {
  return openDataplane(object.mapFd, sockets?.mapFd, true)
}

/** The pinned maps, for commands that look on. Throws MismatchError when there are none. */
export function pinnedDataplane(bpffs: string): Dataplane {
  const folder = pinFolder(bpffs)
  const open = (name: MapName) => openPinnedMap(folder, MAPS[name])
  const socketFd = open('sockOrig')
  if (socketFd !== undefined) bridge.close(socketFd)
  const required = (name: MapName) => {
    const fd = open(name)
    if (fd !== undefined) return fd
    const path = `${MAPS[name].name} in ${folder.path}`
    const hint = otherVersions(bpffs) || 'Does the agent run on this node (evenkeel run)?'
    throw new MismatchError(`There is no map ${path}`, hint)
  }
  return openDataplane(required, socketFd === undefined ? undefined : required, false)
}
