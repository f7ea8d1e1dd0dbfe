// SPDX-License-Identifier: Apache-2.0
/**
 * ek_addresses: a bit for the hash of each address that may be ours, so that programs let all others pass at once. It is set
 * before anything else says that the address is ours. Nothing clears it: an address that is ours no longer may have flows, and
 * costs its packets two look-ups.
 */
import type { Dataplane } from './dataplane.ts'

/** In bpf/types.h. */
const EK_ADDRESS_BITS = 22
const EK_STRANGER_BITS = 16
const EK_NAMED_BITS = 18

/** As ek_address_hash() in bpf/addresses.h; `address`: 16 bytes. */
function addressHash(address: Uint8Array): number {
  let hash = 0
  for (let i = 0; i < 16; i += 4) {
    const word = address[i]! | (address[i + 1]! << 8) | (address[i + 2]! << 16) | (address[i + 3]! << 24)
    hash = Math.imul(hash ^ word, 0x9e3779b1)
    hash ^= hash >>> 15
  }
  return Math.imul(hash, 0x85ebca6b)
}

export function addressBit(address: Uint8Array): number {
  return addressHash(address) >>> (32 - EK_ADDRESS_BITS)
}

/** The byte of a backend that sockets know by another name: ek_named_at(). */
export function namedByte(address: Uint8Array, port: number): number {
  const networkOrder = ((port & 0xff) << 8) | (port >> 8)
  const hash = Math.imul(addressHash(address) ^ networkOrder, 0x9e3779b1) >>> (32 - EK_NAMED_BITS)
  return (1 << EK_ADDRESS_BITS) / 8 + (1 << EK_STRANGER_BITS) + hash
}

/** Makes programs look for the name of what comes from this backend: they do it themselves for sockets that dial. */
export function noteNamed({ addresses }: Pick<Dataplane, 'addresses'>, address: Uint8Array, port: number): void {
  const byte = namedByte(address, port)
  if (addresses.memory[byte] === 1) return
  addresses.memory[byte] = 1
  addresses.operations.updates++
}

/** Makes programs look further when a packet is for this address: 16 bytes. */
export function admit({ addresses }: Pick<Dataplane, 'addresses'>, address: Uint8Array): void {
  const bit = addressBit(address)
  const [byte, mask] = [bit >> 3, 1 << (bit & 7)]
  if (addresses.memory[byte]! & mask) return
  addresses.memory[byte]! |= mask
  addresses.operations.updates++
}
