// SPDX-License-Identifier: Apache-2.0
/** Loading an object file: sizes and settings in, pinned maps taken over or made, programs out. */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { basename } from 'node:path'
import { type BpfObject, bridge } from './bridge.ts'
import { type Btf, parseBtf, resolve, sectionVariables } from './btf.ts'
import { differentDeclaration } from './compare.ts'
import { mapDeclarations } from './declarations.ts'
import { type Elf, parseElf, sectionData } from './elf.ts'
import { check, checkValue, KernelError } from './errno.ts'
import { MAPS, type Settings, settingsCodec } from './layout.gen.ts'
import { MismatchError } from './mismatch.ts'
import { makePinFolder, type PinFolder } from './pins.ts'
import { type Inheritance, type MapName, type MapSizes, type PreparedMap, prepareMaps, settleMap } from './takeover.ts'

export interface LoadRequest {
  /** Path of the object file. */
  readonly file: string
  readonly folder: PinFolder
  /** What is not named is zero. */
  readonly settings: Partial<Settings>
  /** max_entries for maps that are made now; the default is bpf/maps.h's. A pinned map keeps its size. */
  readonly sizes?: MapSizes
  /** What a pinned map must at least have. */
  readonly needed?: MapSizes
  /** Of maps of another version. */
  readonly inheritance?: Inheritance | undefined
  /** Names of the programs to load; default all. */
  readonly programs?: readonly string[]
}

export interface LoadedObject {
  readonly name: string
  /** For the log: pinned maps whose size is not the one that was asked for. */
  readonly notes: readonly string[]
  /** Maps that were made now, and not taken over from an earlier run. */
  readonly made: readonly MapName[]
  /** New descriptors, the caller's to close. Throw KernelError. */
  mapFd(name: MapName): number
  programFd(name: string): number
  /** Unloads what is neither pinned nor attached. */
  close(): void
}

/**
 * Loads an object file. Throws KernelError, with the end of the verifier's log when there is one, and MismatchError when pinned maps
 * or the object are not what this version works with.
 */
export function loadObject(request: LoadRequest): LoadedObject {
  for (let tries = 1; ; tries++) {
    try {
      return loadOnce(request)
    } catch (error) {
      // The verifier gives up when a signal is pending; libbpf tries again a few times only.
      if (!(error instanceof KernelError) || error.code !== 'EAGAIN' || tries === LOAD_TRIES) throw error
    }
  }
}

const LOAD_TRIES = 5

function loadOnce(request: LoadRequest): LoadedObject {
  const elf = readFileSync(request.file)
  const name = basename(request.file).replace(/(\.bpf)?\.o$/, '')
  const object = checkValue(bridge.objectOpen(elf, name), 'open object', request.file, 'Is it compiled for BPF?')
  try {
    return load(request, object, name, parseElf(elf, request.file))
  } catch (error) {
    bridge.objectClose(object)
    throw error
  }
}

function load(request: LoadRequest, object: BpfObject, name: string, elf: Elf): LoadedObject {
  const btf = parseBtf(sectionData(elf, '.BTF') ?? Buffer.alloc(0))
  refuseStaleObject(request.file, btf)
  makePinFolder(request.folder)
  selectPrograms(request, object)
  writeSettings(request, object, elf, btf)
  const { folder, sizes = {}, needed = {}, inheritance } = request
  const maps = prepareMaps(object, { folder, sizes, needed, inheritance })
  loadNow(object, name)
  for (const map of maps) settleMap(object, folder, map, inheritance)
  const made = maps.filter(({ reused }) => !reused).map(map => map.name)
  return loadedObject(object, name, maps, made)
}

function loadedObject(object: BpfObject, name: string, maps: readonly PreparedMap[], made: MapName[]): LoadedObject {
  return {
    name,
    notes: maps.map(({ note }) => note).filter(note => note !== ''),
    made,
    mapFd: map => check(bridge.objectMapFd(object, MAPS[map].name), `open map of object ${name}`, MAPS[map].name),
    programFd: program => check(bridge.objectProgramFd(object, program), `open program of object ${name}`, program),
    close: () => bridge.objectClose(object),
  }
}

/** The object and layout.gen.ts must come from the same bpf/types.h. */
function refuseStaleObject(file: string, btf: Btf): void {
  for (const map of mapDeclarations(btf)) {
    const layout = Object.values(MAPS).find(({ name }) => name === map.name)
    const difference = layout === undefined ? 'it is not there' : differentDeclaration(btf, map, layout)
    if (difference !== undefined)
      throw new MismatchError(`map ${map.name} of ${file} differs from layout.gen.ts: ${difference}`, 'Run make')
  }
}

function selectPrograms({ programs, file }: LoadRequest, object: BpfObject): void {
  if (programs === undefined) return
  const known = bridge.objectPrograms(object).map(program => program.name)
  const missing = programs.find(program => !known.includes(program))
  if (missing !== undefined) throw new MismatchError(`${file} has no program ${missing}`, `It has ${known.join(', ')}`)
  for (const program of known)
    check(bridge.objectSetAutoload(object, program, programs.includes(program)), 'select program', program)
}

function writeSettings({ file, settings }: LoadRequest, object: BpfObject, elf: Elf, btf: Btf): void {
  const rodata = rodataWith(settings, elf, btf)
  if (rodata) check(bridge.objectSetRodata(object, rodata), 'write the settings of', file)
}

/** .rodata with the settings where `const volatile struct ek_settings` lies; undefined for an object without one. */
export function rodataWith(settings: Partial<Settings>, elf: Elf, btf: Btf): Buffer | undefined {
  const variable = sectionVariables(btf, '.rodata').find(
    ({ type }) => `struct ${resolve(btf, type).name}` === settingsCodec.name,
  )
  if (variable === undefined) return undefined
  const symbol = elf.symbols.find(({ name, section }) => name === variable.name && section === '.rodata')
  const rodata = Buffer.from(sectionData(elf, '.rodata') ?? Buffer.alloc(0))
  const zero = settingsCodec.decode(Buffer.alloc(settingsCodec.size))
  settingsCodec.encode({ ...zero, ...settings }, rodata, symbol?.offset ?? 0)
  return rodata
}

const LOG_LINES = 25
const LOAD_HINTS: Readonly<Record<number, string>> = {
  [constants.errno.EPERM]: 'This takes root (CAP_BPF, CAP_NET_ADMIN), and before kernel 5.11 an unlimited memlock',
  [constants.errno.ENOMEM]: 'There is not enough memory for the maps: ask for smaller ones',
  [constants.errno.EINVAL]: 'The kernel may be too old for it',
  [constants.errno.EACCES]: 'The verifier refuses the program: please report it with this log and the kernel version',
}

function loadNow(object: BpfObject, name: string): void {
  const { errno, log } = bridge.objectLoad(object)
  if (errno === 0) return
  const end = log.trimEnd().split('\n').slice(-LOG_LINES).join('\n')
  const hint = [LOAD_HINTS[-errno] ?? '', end].filter(text => text !== '').join('\n')
  throw new KernelError({ operation: 'load object', subject: name, errno: -errno, ...(hint === '' ? {} : { hint }) })
}
