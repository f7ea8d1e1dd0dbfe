// SPDX-License-Identifier: Apache-2.0
/** The elements of ek_backends. What a backend id means is read there, so that the agent need not remember it. */
import { type Member, parsedAddress } from '../compile/backends.ts'
import { writeParsed } from '../kernel/address.ts'
import { differs, type MappedArray } from '../kernel/array.ts'
import { BackendState, type Backend as BackendValue, backendCodec } from '../kernel/layout.gen.ts'

type Meaning = Pick<BackendValue, 'service' | 'pools' | 'generation' | 'flags'>

export interface BackendSlots {
  readonly size: number
  isFree(id: number): boolean
  generation(id: number): number
  service(id: number): number
  pools(id: number): number
  /** Finds an endpoint among ids; quickest when it is asked in their order. */
  finder(ids: readonly number[]): (endpoint: Member) => number | undefined
  write(id: number, endpoint: Member, meaning: Meaning): void
  setPools(id: number, pools: number): void
  /** The slot keeps its generation, so that the next one to have it gets another. */
  free(id: number): void
}

function offsetOf(field: string): number {
  return backendCodec.fields.find(({ path }) => path === field)!.offset
}

const PORT = offsetOf('port')
const STATE = offsetOf('state')
const POOLS = offsetOf('pools')
const GENERATION = offsetOf('generation')
const SERVICE = offsetOf('service')
/** Address and port come first. */
const ENDPOINT_BYTES = PORT + 2

export function backendSlots(array: MappedArray<BackendValue>): BackendSlots {
  const { memory, stride } = array
  const endpoint = Buffer.alloc(ENDPOINT_BYTES)
  const addr = endpoint.subarray(0, PORT)

  function encodeEndpoint(member: Member): void {
    writeParsed(parsedAddress(member), addr)
    endpoint.writeUInt16BE(member.port, PORT)
  }

  function holdsEndpoint(id: number): boolean {
    const at = id * stride
    return !differs(memory, at, endpoint, 0, ENDPOINT_BYTES)
  }

  const slots: Pick<BackendSlots, 'isFree' | 'generation' | 'service' | 'pools'> = {
    isFree: id => memory[id * stride + STATE] === BackendState.FREE,
    generation: id => memory.readUInt32LE(id * stride + GENERATION),
    service: id => memory.readUInt32LE(id * stride + SERVICE),
    pools: id => memory[id * stride + POOLS]!,
  }

  return {
    ...slots,
    size: array.maxEntries,
    finder(ids) {
      let next = 0
      let known: Map<string, number> | undefined
      return wanted => {
        if (ids.length === 0) return undefined
        encodeEndpoint(wanted)
        if (next < ids.length && holdsEndpoint(ids[next]!)) return ids[next++]
        known ??= new Map(
          ids.map(id => [memory.toString('latin1', id * stride, id * stride + ENDPOINT_BYTES), id] as const),
        )
        return known.get(endpoint.toString('latin1'))
      }
    },
    write(id, member, { service, pools, generation, flags }) {
      writeParsed(parsedAddress(member), addr)
      array.write(id, { addr, port: member.port, state: stateOf(pools), pools, generation, service, flags })
    },
    setPools(id, pools) {
      if (slots.pools(id) !== pools) array.write(id, { ...array.read(id), state: stateOf(pools), pools })
    },
    free(id) {
      array.write(id, { ...array.read(id), state: BackendState.FREE, pools: 0 })
    },
  }
}

function stateOf(pools: number): number {
  return pools === 0 ? BackendState.DRAINING : BackendState.ACTIVE
}
