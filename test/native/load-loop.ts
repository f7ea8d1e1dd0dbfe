// SPDX-License-Identifier: Apache-2.0
/** Loads, uses and closes everything many times; run by leaks.test.ts in a process of its own. Prints what grew. */
import { readdirSync, readFileSync } from 'node:fs'
import { bridge } from '../../agent/kernel/bridge.ts'
import { compile, good, load, open, runs, u32 } from './object.ts'

const elf = compile('bridge')
const refused = compile('refused')
const collect = (globalThis as { gc?: () => void }).gc

/** Everything that takes memory or a descriptor, closed again. */
function useAll(): void {
  const loaded = load(elf)
  const memory = good(bridge.mapMmap(loaded.map('mapped'), 4096))
  memory.writeUInt32LE(1, 5 * 8)
  const ring = good(bridge.ringOpen(loaded.map('ring')))
  bridge.testRun(loaded.program('send_record'), { data: Buffer.alloc(64), dataOut: Buffer.alloc(64) })
  bridge.ringConsume(ring, 10)
  const unwatch = good(bridge.watch(bridge.ringFd(ring), () => {}))
  unwatch()
  bridge.mapUpdate(loaded.map('mapped'), u32(5), u32(1))
  runs(loaded)
  bridge.programInfo(loaded.program('send_record'))
  bridge.btfById(good(bridge.mapInfo(loaded.map('plain'))).btfId)
  bridge.elfBtf(elf)
  bridge.close(bridge.netlinkOpen(1))
  bridge.close(bridge.openFolder('/'))
  bridge.ringClose(ring)
  loaded.close()
}

/** What fails must leave nothing either. */
function failAll(): void {
  const object = open(refused)
  if (bridge.objectLoad(object).errno >= 0) throw new Error('the verifier took a bad program')
  bridge.objectClose(object)
  bridge.objectOpen(elf.subarray(0, 100), 'cut')
  bridge.mapMmap(0, 4096)
  bridge.watch(9999, () => {})
  bridge.ringOpen(0)
}

/** Left to the garbage collector. */
function dropAll(): void {
  const object = open(elf)
  bridge.objectLoad(object)
  const fd = bridge.objectMapFd(object, 'ring')
  good(bridge.ringOpen(fd))
  bridge.close(fd)
}

/** Finalizers run after the turn of the event loop in which their object was collected. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    collect?.()
    await new Promise(resolve => setImmediate(resolve))
  }
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}

function mappings(): number {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter(line => line.includes('bpf-map')).length
}

async function turn(): Promise<void> {
  useAll()
  failAll()
  dropAll()
  await settle()
}

const count = Number(process.argv[2])
for (let i = 0; i < 5; i++) await turn()
const before = { descriptors: descriptors(), mappings: mappings() }
for (let i = 0; i < count; i++) await turn()
process.stdout.write(
  JSON.stringify({ descriptors: descriptors() - before.descriptors, mappings: mappings() - before.mappings }),
)
