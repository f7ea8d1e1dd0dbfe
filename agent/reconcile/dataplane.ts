// SPDX-License-Identifier: Apache-2.0
/** The maps of one node's dataplane, opened. */
import { type MappedArray, mapArray } from '../kernel/array.ts'
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
  type Service,
  type ServiceCounters,
  type Tuple,
  type Uplink,
} from '../kernel/layout.gen.ts'
import { openMap, type TypedMap } from '../kernel/maps.ts'
import { MismatchError } from '../kernel/mismatch.ts'
import type { LoadedObject } from '../kernel/objects.ts'
import { newOperations, type Operations } from '../kernel/operations.ts'
import { openPerCpuMap, type PerCpuMap } from '../kernel/percpu.ts'
import { openPinnedMap, pinFolder } from '../kernel/pins.ts'

export interface Dataplane {
  readonly frontends: TypedMap<FrontendKey, Frontend>
  readonly backends: MappedArray<Backend>
  readonly tables: MappedArray<Block>
  readonly affinity: TypedMap<AffinityKey, Affinity>
  readonly flows: TypedMap<Tuple, Flow>
  readonly nodeAddrs: TypedMap<Addr, number>
  /** By interface index. */
  readonly uplinks: TypedMap<number, Uplink>
  readonly ranges: TypedMap<Range, number>
  readonly services: TypedMap<number, Service>
  readonly counters: PerCpuMap<number, ServiceCounters>
  readonly reasons: PerCpuMap<number, bigint>
  /** What was asked of the kernel, over all maps. */
  readonly operations: Operations
  close(): void
}

type MapFd = (name: keyof typeof MAPS) => number

function openDataplane(fd: MapFd, writable: boolean): Dataplane {
  const operations = newOperations()
  const options = { operations }
  const maps = {
    frontends: openMap(MAPS.frontends, fd('frontends'), options),
    backends: mapArray(MAPS.backends, fd('backends'), { operations, writable }),
    tables: mapArray(MAPS.tables, fd('tables'), { operations, writable }),
    affinity: openMap(MAPS.affinity, fd('affinity'), options),
    flows: openMap(MAPS.flows, fd('flows'), options),
    nodeAddrs: openMap(MAPS.nodeAddrs, fd('nodeAddrs'), options),
    uplinks: openMap(MAPS.uplinks, fd('uplinks'), options),
    ranges: openMap(MAPS.ranges, fd('ranges'), options),
    services: openMap(MAPS.services, fd('services'), options),
    counters: openPerCpuMap(MAPS.counters, fd('counters'), options),
    reasons: openPerCpuMap(MAPS.reasons, fd('reasons'), options),
  }
  return {
    ...maps,
    operations,
    close() {
      for (const map of Object.values(maps)) map.close()
    },
  }
}

/** The maps that a loaded object uses, for the agent. */
export function dataplaneOf(object: LoadedObject): Dataplane {
  return openDataplane(name => object.mapFd(name), true)
}

/** The pinned maps, for commands that look on. Throws MismatchError when there are none. */
export function pinnedDataplane(bpffs: string): Dataplane {
  const folder = pinFolder(bpffs)
  return openDataplane(name => {
    const fd = openPinnedMap(folder, MAPS[name] as never)
    if (fd === undefined)
      throw new MismatchError(
        `there is no map ${MAPS[name].name} in ${folder.path}`,
        'Is the agent running here (evenkeel run)?',
      )
    return fd
  }, false)
}
