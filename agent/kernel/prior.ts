// SPDX-License-Identifier: Apache-2.0
/** The maps that another version has pinned, and what this one can do with them. */
import { constants } from 'node:os'
import { join } from 'node:path'
import { CHUNK, type RawMap } from './batch.ts'
import { bridge, type MapInfo } from './bridge.ts'
import { type Carrier, carrierOf } from './carry.ts'
import { mapDifference } from './compare.ts'
import { check, checkValue } from './errno.ts'
import { MAPS } from './layout.gen.ts'
import { linkNames } from './links.ts'
import { perCpuStride } from './maps.ts'
import { newOperations } from './operations.ts'
import type { PinFolder } from './pins.ts'
import type { MapName } from './takeover.ts'

export interface PriorMap {
  readonly raw: RawMap
  /** This version can use the map itself. */
  readonly same: boolean
  /** Else its elements can be copied, or there is a reason why not. */
  readonly carrier: Carrier | string
}

export interface Prior {
  readonly folder: PinFolder
  readonly maps: ReadonlyMap<MapName, PriorMap>
  close(): void
}

const NAMES = Object.keys(MAPS) as MapName[]

/** Their sizes are the version's, not the configuration's. */
const FIXED: ReadonlySet<MapName> = new Set(['reasons', 'cpus'])

/** Throws KernelError. */
export function openPrior(folder: PinFolder): Prior {
  const maps = new Map<MapName, PriorMap>()
  for (const name of NAMES) {
    const path = join(folder.path, MAPS[name].name)
    const fd = bridge.openPinned(path)
    if (fd !== -constants.errno.ENOENT) maps.set(name, priorMap(name, path, check(fd, 'open', path)))
  }
  return {
    folder,
    maps,
    close() {
      for (const { raw } of maps.values()) bridge.close(raw.fd)
    },
  }
}

function priorMap(name: MapName, path: string, fd: number): PriorMap {
  const layout = MAPS[name]
  const info = checkValue(bridge.mapInfo(fd), 'ask about map', path)
  const size = FIXED.has(name) && info.maxEntries !== layout.maxEntries
  const same = !size && mapDifference(fd, path, layout) === undefined
  return { raw: rawOf(fd, path, info, layout.perCpu), same, carrier: carrierOf(info, layout) }
}

function rawOf(fd: number, name: string, info: MapInfo, perCpu: boolean): RawMap {
  const valueSize = perCpu ? bridge.possibleCpus() * perCpuStride(info.valueSize) : info.valueSize
  const { keySize, maxEntries } = info
  return { bridge, fd, name, keySize, valueSize, maxEntries, operations: newOperations(), chunk: CHUNK }
}

/** Of a map that is made to take over what an earlier one holds. */
export function sizeFor(name: MapName, prior: PriorMap | undefined, wanted: number): number {
  if (prior === undefined || FIXED.has(name) || typeof prior.carrier === 'string') return wanted
  return Math.max(wanted, prior.raw.maxEntries)
}

/** Whether a folder has maps that this version can't use as they are. */
export function isOfAnotherLayout(folder: PinFolder): boolean {
  const prior = openPrior(folder)
  prior.close()
  return [...prior.maps.values()].some(({ same }) => !same)
}

/** Links of any kind. */
export function linksIn(folder: PinFolder): string[] {
  return linkNames(folder, /./)
}
