// SPDX-License-Identifier: Apache-2.0
/** An object's maps: those that are pinned are taken over with what they hold, the others are made and pinned. */
import { type BpfObject, bridge } from './bridge.ts'
import { check, checkValue } from './errno.ts'
import { MAPS } from './layout.gen.ts'
import { MismatchError } from './mismatch.ts'
import { openPinnedMap, type PinFolder, pinMap } from './pins.ts'

export type MapName = keyof typeof MAPS
/** max_entries by map. */
export type MapSizes = Readonly<Partial<Record<MapName, number>>>

export interface PreparedMap {
  readonly name: MapName
  readonly reused: boolean
  /** Empty when there is nothing to say. */
  readonly note: string
}

/** What maps that are made now get from those of another version. */
export interface Inheritance {
  /** At least so many elements. */
  sizeOf(name: MapName, wanted: number): number
  /** Before it is pinned, if it was `made` now; its programs do not run yet. Throws KernelError. */
  fill(name: MapName, fd: number, made: boolean): void
}

export interface Preparation {
  readonly folder: PinFolder
  readonly sizes: MapSizes
  readonly needed: MapSizes
  readonly inheritance: Inheritance | undefined
}

/** Before load: takes pinned maps over and sets the sizes of the others. Throws MismatchError and KernelError. */
export function prepareMaps(object: BpfObject, { folder, sizes, needed, inheritance }: Preparation): PreparedMap[] {
  const declared = new Set(bridge.objectMaps(object).map(map => map.name))
  const names = (Object.keys(MAPS) as MapName[]).filter(name => declared.has(MAPS[name].name))
  return names.map(name => {
    const wanted = sizes[name] ?? MAPS[name].maxEntries
    const fd = openPinnedMap(folder, MAPS[name])
    if (fd === undefined) {
      setSize(object, name, inheritance?.sizeOf(name, wanted) ?? wanted)
      return { name, reused: false, note: '' }
    }
    try {
      return takeOver(object, folder, name, fd, wanted, needed[name] ?? 0)
    } finally {
      bridge.close(fd)
    }
  })
}

function setSize(object: BpfObject, name: MapName, size: number): void {
  check(bridge.objectSetMaxEntries(object, MAPS[name].name, size), `set ${size} as the size of map`, MAPS[name].name)
}

function takeOver(
  object: BpfObject,
  folder: PinFolder,
  name: MapName,
  fd: number,
  wanted: number,
  needed: number,
): PreparedMap {
  const path = `${folder.path}/${MAPS[name].name}`
  const { maxEntries } = checkValue(bridge.mapInfo(fd), 'ask about map', path)
  if (maxEntries < needed)
    throw new MismatchError(
      `the map pinned at ${path} has room for ${maxEntries} elements, ${needed} are needed`,
      `Remove it to have a larger one made (rm ${path}); what it holds is lost`,
    )
  // The bridge takes only a map of the declared size.
  setSize(object, name, maxEntries)
  check(bridge.objectReuseMap(object, MAPS[name].name, fd), 'take over map', path)
  const note =
    maxEntries === wanted ? '' : `${path} is pinned and keeps its size of ${maxEntries} elements, not ${wanted}`
  return { name, reused: true, note }
}

/** After load: fills and pins a map that was made. Throws KernelError. */
export function settleMap(
  object: BpfObject,
  folder: PinFolder,
  { name, reused }: PreparedMap,
  inheritance: Inheritance | undefined,
): void {
  const fd = check(bridge.objectMapFd(object, MAPS[name].name), 'open map', MAPS[name].name)
  try {
    inheritance?.fill(name, fd, !reused)
    if (!reused) pinMap(folder, MAPS[name].name, fd)
  } finally {
    bridge.close(fd)
  }
}
