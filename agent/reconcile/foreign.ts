// SPDX-License-Identifier: Apache-2.0
/**
 * Connections that were open before our programs came, sent to a backend by a kube-proxy: their packets are left to the stack,
 * which goes on with them. Picked up in the middle they would get a backend of our choice, and break.
 */
import { type Direction, translatedConnections } from '../kernel/conntrack.ts'
import { Dir, type Tuple } from '../kernel/layout.gen.ts'
import type { TypedMap } from '../kernel/maps.ts'

const IPPROTO_TCP = 6

/** Writes those that there are now, and takes out those that have ended. How many there are. Throws KernelError. */
export function leaveTranslated(foreign: TypedMap<Tuple, number>): number {
  const connections = translatedConnections()
  // Each has two entries.
  const room = connections.slice(0, foreign.maxEntries >> 1)
  const wanted = room.flatMap(({ original, reply }) => [entering(original), entering(reply)])
  const known = new Set(wanted.map(keyOf))
  foreign.deleteMany([...foreign.entries()].map(([tuple]) => tuple).filter(tuple => !known.has(keyOf(tuple))))
  foreign.updateMany(wanted.map(tuple => [tuple, 1] as const))
  return room.length
}

function entering(direction: Direction): Tuple {
  return { ...direction, proto: IPPROTO_TCP, dir: Dir.ENTER }
}

function keyOf({ saddr, daddr, sport, dport }: Tuple): string {
  return `${Buffer.from(saddr).toString('hex')}${Buffer.from(daddr).toString('hex')} ${sport} ${dport}`
}
