// SPDX-License-Identifier: Apache-2.0
/** The file that keeps what was allocated: over restarts, and between the agents of one machine. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { ServiceKey } from '../../objects.ts'
import { codeOf, SourceError } from '../source.ts'
import { type Allocation, allocate, type Grants } from './allocate.ts'
import { withLock } from './lock.ts'
import type { ServiceManifest } from './manifest.ts'
import type { Ranges } from './ranges.ts'

export interface Allocator {
  /** Allocates for all Services. Rejects, and has changed nothing, when the file can't be locked, read or written. */
  readonly allocate: (services: ReadonlyMap<ServiceKey, ServiceManifest>) => Promise<Allocation>
}

/** Keeps the grants in memory alone. */
export function memoryAllocator(ranges: Ranges): Allocator {
  let grants: Grants = new Map()
  return {
    allocate: async services => {
      const allocation = allocate(services, grants, ranges, Date.now())
      grants = allocation.grants
      return allocation
    },
  }
}

/** Keeps the grants in a file. */
export function fileAllocator(path: string, ranges: Ranges): Allocator {
  return {
    allocate: async services => {
      mkdirSync(dirname(path), { recursive: true })
      return withLock(`${path}.lock`, stillMine => {
        const text = readText(path)
        const allocation = allocate(services, parseGrants(path, text), ranges, Date.now())
        const after = formatGrants(allocation.grants)
        if (after !== text) {
          const fresh = `${path}.${process.pid}.new`
          writeFileSync(fresh, after, { flush: true })
          if (!stillMine()) throw new SourceError(`${path}: the lock was lost while writing: trying again`)
          renameSync(fresh, path)
        }
        return allocation
      })
    },
  }
}

const NONE: Grants = new Map()

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return ''
    throw new SourceError(`${path}: can't be read (${codeOf(error)}): make it readable`)
  }
}

const schema = z.object({
  version: z.literal(1),
  services: z.record(z.string(), z.object({ slots: z.record(z.string(), z.string()), gone: z.number().optional() })),
})

function parseGrants(path: string, text: string): Grants {
  if (text === '') return NONE
  try {
    const { services } = schema.parse(JSON.parse(text))
    return new Map(
      Object.entries(services).map(([key, { slots, gone }]) => [key, gone === undefined ? { slots } : { slots, gone }]),
    )
  } catch {
    throw new SourceError(
      `${path}: is not a file of allocations: mend it, or remove it and let everything be allocated anew`,
    )
  }
}

/** One Service a line, sorted: for people, and for diff. */
function formatGrants(grants: Grants): string {
  const lines = [...grants]
    .filter(([, { slots }]) => Object.keys(slots).length > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, grant]) => `${JSON.stringify(key)}: ${JSON.stringify(grant)}`)
  return lines.length === 0 ? '' : `{"version": 1, "services": {\n${lines.join(',\n')}\n}}\n`
}
