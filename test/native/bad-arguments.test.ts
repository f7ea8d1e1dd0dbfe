// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync } from 'node:fs'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { inOwnNetwork } from '../own-network.ts'
import { compile, fine, good, load, open } from './object.ts'

type Call = (...args: unknown[]) => unknown

/** A call that is right, to be made wrong in one place. */
interface Case {
  readonly name: string
  readonly args: () => unknown[]
}

const functions = bridge as unknown as Readonly<Record<string, Call>>

function detached(): Uint8Array {
  const array = new Uint8Array(64)
  structuredClone(array, { transfer: [array.buffer] })
  return array
}

function closedDescriptor(): number {
  const fd = openSync('/dev/null', 'r')
  closeSync(fd)
  return fd
}

function throwing(): object {
  return new Proxy(
    {},
    {
      get() {
        throw new Error('from a getter')
      },
    },
  )
}

function wrongValues(foreign: readonly unknown[]): readonly unknown[] {
  const numbers = [
    Number.NaN,
    -1,
    2 ** 40,
    2 ** 32,
    2 ** 31,
    1.5,
    Number.POSITIVE_INFINITY,
    Number.MIN_SAFE_INTEGER,
    1n,
  ]
  const bytes = [Buffer.alloc(0), Buffer.alloc(1), new Uint8Array(3), detached()]
  const views = [new Float64Array(8), new Int8Array(8), new DataView(new ArrayBuffer(8)), new ArrayBuffer(8)]
  const objects = [{}, [], throwing(), () => {}, Symbol('s'), /x/, new Date(), Object.create(null)]
  return [
    undefined,
    null,
    '',
    'string',
    'a\0b',
    'x'.repeat(10000),
    true,
    ...numbers,
    ...bytes,
    ...views,
    ...objects,
    ...foreign,
  ]
}

/** Not a crash: an exception, or a result. */
function attempt(call: Call, args: readonly unknown[]): { error?: Error; result?: unknown } {
  try {
    return { result: call(...args) }
  } catch (error) {
    return { error: error as Error }
  }
}

/** A failure as the interface has it: a throw, -errno, or {errno: -errno}. */
function failed({ error, result }: { error?: Error; result?: unknown }): boolean {
  if (error) return true
  if (typeof result === 'number') return result < 0
  return typeof result === 'object' && result !== null && 'errno' in result && Number(result.errno) < 0
}

if (inOwnNetwork(import.meta.filename)) {
  const elf = compile('bridge')
  const loaded = load(elf)
  const object = open(elf)
  const ring = good(bridge.ringOpen(loaded.map('ring')))
  const closedObject = open(elf)
  bridge.objectClose(closedObject)
  const closedRing = good(bridge.ringOpen(loaded.map('ring')))
  bridge.ringClose(closedRing)
  const map = loaded.map('plain')
  const mapped = loaded.map('mapped')
  const program = loaded.program('mark_packet')
  const link = fine(bridge.attachTcx(program, 1, 46))
  const socket = fine(bridge.netlinkOpen(0))
  const folder = fine(bridge.openFolder('/'))
  const request = Buffer.alloc(16)
  request.writeUInt32LE(16)
  const key = Buffer.alloc(8)
  const value = Buffer.alloc(12)
  const spec = { name: 'x', type: 1, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 }
  const run = { data: Buffer.alloc(64), dataOut: Buffer.alloc(64), ctx: Buffer.alloc(192), ctxOut: Buffer.alloc(192) }
  const path = `/sys/fs/bpf/none-${process.pid}/x`

  const cases: readonly Case[] = [
    { name: 'objectOpen', args: () => [elf, 'x'] },
    { name: 'objectClose', args: () => [open(elf)] },
    { name: 'objectMaps', args: () => [object] },
    { name: 'objectPrograms', args: () => [object] },
    { name: 'objectSetMaxEntries', args: () => [object, 'plain', 10] },
    { name: 'objectReuseMap', args: () => [open(elf), 'mapped', mapped] },
    { name: 'objectSetRodata', args: () => [object, Buffer.alloc(4)] },
    { name: 'objectSetAutoload', args: () => [object, 'xdp_count', true] },
    { name: 'objectLoad', args: () => [open(elf)] },
    { name: 'objectMapFd', args: () => [loaded.object, 'plain'] },
    { name: 'objectProgramFd', args: () => [loaded.object, 'xdp_count'] },
    { name: 'elfBtf', args: () => [elf] },
    { name: 'close', args: () => [fine(bridge.openFolder('/'))] },
    { name: 'pin', args: () => [map, path] },
    { name: 'openPinned', args: () => [path] },
    { name: 'mapById', args: () => [good(bridge.mapInfo(map)).id] },
    { name: 'programById', args: () => [good(bridge.programInfo(program)).id] },
    { name: 'attachedPrograms', args: () => [1, 46] },
    { name: 'mapInfo', args: () => [map] },
    { name: 'programInfo', args: () => [program] },
    { name: 'linkInfo', args: () => [link] },
    { name: 'btfById', args: () => [good(bridge.mapInfo(map)).btfId] },
    { name: 'possibleCpus', args: () => [] },
    { name: 'mapCreate', args: () => [spec] },
    { name: 'mapLookup', args: () => [map, key, value] },
    { name: 'mapUpdate', args: () => [map, key, value, 0] },
    { name: 'mapDelete', args: () => [map, key] },
    { name: 'mapNextKey', args: () => [map, key, Buffer.alloc(8)] },
    { name: 'mapLookupBatch', args: () => [map, key, key, Buffer.alloc(64), Buffer.alloc(96), 8] },
    { name: 'mapUpdateBatch', args: () => [map, Buffer.alloc(64), Buffer.alloc(96), 8, 0] },
    { name: 'mapDeleteBatch', args: () => [map, Buffer.alloc(64), 8] },
    { name: 'mapMmap', args: () => [mapped, 4096] },
    { name: 'attachTcx', args: () => [program, 1, 46] },
    { name: 'attachXdp', args: () => [loaded.program('xdp_count'), 1, 2] },
    { name: 'attachCgroup', args: () => [program, folder, 10] },
    { name: 'linkUpdate', args: () => [link, program] },
    { name: 'linkDetach', args: () => [link] },
    { name: 'attachClsact', args: () => [program, 1, true, 1, 1] },
    { name: 'detachClsact', args: () => [1, true, 1, 1] },
    { name: 'watch', args: () => [socket, () => {}] },
    { name: 'ringOpen', args: () => [loaded.map('ring')] },
    { name: 'ringConsume', args: () => [ring, 10] },
    { name: 'ringFd', args: () => [ring] },
    { name: 'ringClose', args: () => [good(bridge.ringOpen(loaded.map('ring')))] },
    { name: 'testRun', args: () => [program, run] },
    { name: 'netlinkOpen', args: () => [0] },
    { name: 'netfilterOpen', args: () => [] },
    { name: 'netlinkSend', args: () => [socket, request] },
    { name: 'netlinkReceive', args: () => [socket, Buffer.alloc(64)] },
    { name: 'openFolder', args: () => ['/'] },
    { name: 'netnsCookie', args: () => [] },
    { name: 'attachIterator', args: () => [program] },
    { name: 'maglevPopulate', args: () => [Buffer.alloc(1_303), Buffer.alloc(36), 3] },
    { name: 'iteratorRun', args: () => [link, '/proc/self/ns/net'] },
  ]
  const foreign = [object, ring, closedObject, closedRing, closedDescriptor(), folder, socket, map, program, link]

  /** What is wrong in one place and yet means something: an absent option, another kind of descriptor, a number that is in range. */
  function mayPass(name: string, index: number, wrong: unknown): boolean {
    if (typeof wrong === 'function') return name === 'watch' && index === 1
    if (wrong === undefined || wrong === null) return OPTIONAL.has(`${name}.${index}`)
    if (Buffer.isBuffer(wrong) || wrong instanceof Uint8Array) return TAKES_ANY_BYTES.has(`${name}.${index}`)
    if (typeof wrong === 'number' && Number.isInteger(wrong) && wrong >= 0 && wrong < 2 ** 33) return true
    if (typeof wrong === 'string') return name === 'objectOpen' && index === 1
    if (typeof wrong === 'boolean') return TAKES_BOOLEAN.has(`${name}.${index}`)
    if (wrong === object || wrong === ring || wrong === closedObject || wrong === closedRing)
      return /^(object|ring)/.test(name) && index === 0
    return name === 'testRun' && index === 1 && typeof wrong === 'object'
  }

  const OPTIONAL = new Set(['mapUpdate.3', 'mapNextKey.1', 'mapLookupBatch.1', 'mapUpdateBatch.4', 'attachXdp.2'])
  const TAKES_BOOLEAN = new Set(['objectSetAutoload.2', 'attachClsact.2', 'detachClsact.1'])
  const TAKES_ANY_BYTES = new Set(['objectSetRodata.1', 'netlinkReceive.1', 'testRun.1'])

  t.test('every exported function is tried', async t => {
    t.same(Object.keys(functions).sort(), cases.map(({ name }) => name).sort())
  })

  /** The descriptors that other cases need are not for close. */
  function wrongFor(name: string): readonly unknown[] {
    return wrongValues(name === 'close' ? foreign.filter(value => typeof value !== 'number') : foreign)
  }

  /** What should have been refused, and exceptions that don't begin with the function's name. */
  function mistakes({ name, args }: Case): string[] {
    const call = functions[name] as Call
    const found: string[] = []
    for (let index = 0; index < args().length; index++)
      for (const wrong of wrongFor(name)) {
        const outcome = attempt(call, args().with(index, wrong))
        const message = outcome.error?.message ?? `${name}: `
        if (!message.startsWith(`${name}: `) && message !== 'from a getter') found.push(message)
        if (!mayPass(name, index, wrong) && !failed(outcome)) found.push(`argument ${index}: ${describe(wrong)}`)
      }
    return found
  }

  for (const row of cases)
    t.test(`${row.name} refuses what is wrong`, async t => {
      const call = functions[row.name] as Call
      t.same(mistakes(row), [])
      if (row.args().length > 0) t.ok(failed(attempt(call, [])), 'no arguments')
      for (const wrong of wrongFor(row.name)) attempt(call, Array(7).fill(wrong))
      t.notOk(failed({ result: bridge.mapInfo(map) }), 'what the next case needs is there')
    })

  t.test('fields of mapCreate and testRun are checked', async t => {
    for (const field of Object.keys(spec))
      for (const wrong of wrongValues(foreign)) {
        const outcome = attempt(functions.mapCreate as Call, [{ ...spec, [field]: wrong }])
        const right = field === 'name' ? typeof wrong === 'string' : typeof wrong === 'number' && wrong >= 0
        if (!right && !failed(outcome)) t.fail(`${field}: ${describe(wrong)}`)
        if (typeof outcome.result === 'number' && outcome.result >= 0) bridge.close(outcome.result)
      }
    for (const field of [...Object.keys(run), 'repeat', 'flags'])
      for (const wrong of wrongValues(foreign)) {
        const outcome = attempt(functions.testRun as Call, [program, { ...run, [field]: wrong }])
        const right = wrong === undefined || wrong === null || wrong instanceof Uint8Array || typeof wrong === 'number'
        if (!right && !failed(outcome)) t.fail(`${field}: ${describe(wrong)}`)
      }
  })

  t.test('a getter that detaches a Buffer does no harm', async t => {
    const data = new Uint8Array(64)
    const evil = {
      data,
      get flags() {
        structuredClone(data, { transfer: [data.buffer] })
        return 0
      },
    }
    t.ok(failed(attempt(functions.testRun as Call, [program, evil])))
  })

  t.test('objects and rings are not taken for each other, and closed ones throw', async t => {
    for (const wrong of [ring, closedRing, closedObject])
      t.throws(() => functions.objectMaps?.(wrong), { name: 'TypeError' })
    for (const wrong of [object, closedRing, closedObject])
      t.throws(() => functions.ringConsume?.(wrong, 1), { name: 'TypeError' })
  })
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 20))
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`
  if (typeof value === 'object') return value === null ? 'null' : 'an object'
  return String(value)
}
