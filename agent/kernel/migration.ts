// SPDX-License-Identifier: Apache-2.0
/**
 * From the maps and links of another version, newer or older, to this one's. Until `flip` the old programs serve with the old maps.
 * The order, in which an end at any point leaves a dataplane that serves and a start goes on:
 *
 * 1. Own maps of another layout are put aside: the folder gets another name. Links stay attached, wherever their pins are.
 * 2. Maps that this version can use as they are get a second pin in its folder: nothing is copied, nothing can be missed.
 * 3. Maps of another layout are made, filled, and pinned when they are full.
 * 4. Pins of links move, one by one; then programs are exchanged, one by one, each in one step. Those for answers get company instead.
 * 5. What the old programs wrote until then is copied, and the old folder goes, and with it the old programs for answers.
 */
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { RawMap } from './batch.ts'
import { bridge } from './bridge.ts'
import { type Carrier, isArray } from './carry.ts'
import { catchUp, copyMap, type Seen } from './copy-map.ts'
import { check, checkValue } from './errno.ts'
import { MAPS } from './layout.gen.ts'
import { rawMap } from './maps.ts'
import { makePinFolder, otherPinFolders, type PinFolder, pinFolder, pinMap, removePinFolder } from './pins.ts'
import { isOfAnotherLayout, linksIn, openPrior, type Prior, sizeFor } from './prior.ts'
import type { Inheritance, MapName } from './takeover.ts'

export interface Migration extends Inheritance {
  /** Exchanges programs by `attach`, and removes what is left of the other version. Throws what `attach` throws, and KernelError. */
  flip(attach: () => void): void
  /** Without a flip: the next start goes on. */
  close(): void
}

export interface MigrationOptions {
  /** Of bpffs. */
  readonly root: string
  /** For the log. */
  readonly note: (line: string) => void
  /** Told after each step; a test ends the migration there by throwing. */
  readonly onStep?: ((step: string) => void) | undefined
}

/**
 * What the agent alone writes. Ids in one of these refer to another one: all are used as they are, or all are copied, so that the
 * old programs never see half of a change.
 */
const AGENTS: ReadonlySet<MapName> = new Set([
  'frontends',
  'backends',
  'tables',
  'services',
  'ranges',
  'uplinks',
  'nodeAddrs',
  'addresses',
])

/** undefined when there is nothing of another version: as nearly always. Throws KernelError. */
export function beginMigration({ root, note, onStep = () => {} }: MigrationOptions): Migration | undefined {
  const own = pinFolder(root)
  putAside(root, own)
  const priors = otherPinFolders(root).map(openPrior).sort(byAuthority)
  const [main] = priors
  if (main === undefined) return undefined
  // Nothing of it is in use yet, and since then the other version may have served.
  if (linksIn(own).length === 0 && linksIn(main.folder).length > 0) removePinFolder(own)
  onStep('begun')
  share(priors, own)
  onStep('shared')
  note(`taking over ${priors.map(({ folder }) => folder.path).join(', ')}`)
  return migration({ own, priors, note, onStep })
}

function putAside(root: string, own: PinFolder): void {
  if (!existsSync(own.path) || !isOfAnotherLayout(own)) return
  const taken = new Set(otherPinFolders(root).map(({ path }) => path))
  let number = 0
  while (taken.has(`${own.path}_was${number}`)) number++
  renameSync(own.path, `${own.path}_was${number}`)
}

/** The one whose programs are attached comes first. */
function byAuthority(a: Prior, b: Prior): number {
  return linksIn(b.folder).length - linksIn(a.folder).length || b.maps.size - a.maps.size
}

function share([main, ...rest]: readonly Prior[], own: PinFolder): void {
  const whole = rest.length === 0 && [...AGENTS].every(name => main?.maps.get(name)?.same ?? false)
  makePinFolder(own)
  for (const [name, { raw, same }] of main?.maps ?? []) {
    const wanted = same && (whole || !AGENTS.has(name))
    if (wanted && !existsSync(join(own.path, MAPS[name].name))) pinMap(own, MAPS[name].name, raw.fd)
  }
}

interface Parts extends Required<Pick<MigrationOptions, 'note'>> {
  readonly onStep: (step: string) => void
  readonly own: PinFolder
  readonly priors: Prior[]
}

/** A map whose elements both versions' programs write. */
interface Copied {
  readonly name: MapName
  readonly from: RawMap
  readonly carrier: Carrier
  seen: Seen
}

function migration(parts: Parts): Migration {
  const { own, priors, onStep } = parts
  const copied: Copied[] = []
  const done = new Set<MapName>()
  const close = () => {
    for (const prior of priors.splice(0)) prior.close()
  }
  const follow = () => {
    for (const copy of copied) followMap(own, copy)
  }
  return {
    sizeOf: (name, wanted) => sizeFor(name, priors[0]?.maps.get(name), wanted),
    fill(name, fd, made) {
      if (done.has(name) || priors.length === 0) return
      done.add(name)
      if (MAPS[name].key.size > 0) copied.push(...fill(parts, name, fd, made))
      onStep(`filled ${name}`)
    },
    flip(attach) {
      follow()
      onStep('followed')
      for (const { folder } of priors) adoptLinks(folder, own, onStep)
      attach()
      onStep('flipped')
      follow()
      onStep('caught up')
      for (const { folder } of priors) removePinFolder(folder)
      onStep('removed')
      close()
    },
    close,
  }
}

function fill({ priors, note }: Parts, name: MapName, fd: number, made: boolean): Copied[] {
  // What the agent writes was whole when it was pinned, and may have changed since.
  if (AGENTS.has(name) && !made) return []
  const sources = AGENTS.has(name) ? priors.slice(0, 1) : priors
  return sources.flatMap(({ folder, maps }) => {
    const prior = maps.get(name)
    if (prior === undefined || idOf(prior.raw.fd) === idOf(fd)) return []
    const { raw: from, carrier } = prior
    if (typeof carrier === 'string') {
      note(`${MAPS[name].name} begins anew, as what is in ${folder.path} can't be used: ${carrier}`)
      return []
    }
    // Numbers that are counted up can't be told from those that were copied before.
    if (isArray(MAPS[name].type) && !made) return []
    const seen = copyMap(from, rawOf(name, fd), carrier, MAPS[name].type)
    return AGENTS.has(name) || isArray(MAPS[name].type) ? [] : [{ name, from, carrier, seen }]
  })
}

function idOf(fd: number): number {
  return checkValue(bridge.mapInfo(fd), 'ask about map', String(fd)).id
}

function rawOf(name: MapName, fd: number): RawMap {
  return rawMap(MAPS[name], fd, {}, MAPS[name].perCpu ? bridge.possibleCpus() : 1)
}

function followMap(own: PinFolder, copied: Copied): void {
  const { name, from, carrier, seen } = copied
  const path = join(own.path, MAPS[name].name)
  const fd = check(bridge.openPinned(path), 'open', path)
  try {
    copied.seen = catchUp(from, rawOf(name, fd), carrier, MAPS[name].type, seen)
  } finally {
    bridge.close(fd)
  }
}

/**
 * Programs for answers. The new ones come beside the old ones, which go with their folder: whichever version's maps know of a connection,
 * its answers are translated.
 */
const ANSWERS = /^(tc_egress|sock_recvmsg|sock_peername|sock_release)/

/** Where the agent looks for links, so that it exchanges their programs in place of attaching beside them. */
function adoptLinks(from: PinFolder, own: PinFolder, onStep: (step: string) => void): void {
  for (const name of linksIn(from)) {
    if (ANSWERS.test(name) || existsSync(join(own.links, name))) continue
    renameSync(join(from.links, name), join(own.links, name))
    onStep(`adopted ${name}`)
  }
}
