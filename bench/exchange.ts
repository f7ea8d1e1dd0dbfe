// SPDX-License-Identifier: Apache-2.0
/** Requests from one place of a lab to others, timed, with the CPU time that they took. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { cgroupFolder } from '../lab/cgroup.ts'
import type { Lab, SpawnOptions } from '../lab/lab.ts'
import { cgroupMount } from '../lab/mount.ts'
import { findPlace } from '../lab/plan.ts'
import { compileProgram } from './programs.ts'

/** As in client.c. */
export type Kind = 'stream' | 'connect' | 'open' | 'datagram' | 'sendto'

export interface Timing {
  /** Nanoseconds. */
  readonly p50: number
  readonly p99: number
  /** Microseconds of CPU a request: of the client's and the server's place. */
  readonly cpu: number
}

export interface Dialled {
  readonly address: string
  readonly port: number
}

/** So many requests to an address and port behind which a server is. */
export type Ask = (kind: Kind, server: string, to: Dialled, count: number) => Promise<Timing>

/** Microseconds of CPU that places of a lab have used, their packets on their way included. */
export type Usage = (...places: readonly string[]) => number

const PIPES: SpawnOptions = { stdio: ['pipe', 'pipe', 'inherit'] }

/** Begins a client and servers, which are there as long as the lab. */
export async function startExchange(
  lab: Lab,
  client: string,
  servers: readonly string[],
  ports: readonly number[],
): Promise<{ readonly ask: Ask; readonly used: Usage }> {
  const server = compileProgram('server')
  for (const place of servers) await once(lab.spawn(place, [server, ...ports.map(String)], PIPES).stdout!, 'data')
  const say = speaker(lab.spawn(client, [compileProgram('client')], PIPES))
  const root = cgroupFolder(await cgroupMount(), lab.name)
  const used: Usage = (...places) =>
    places.reduce((sum, place) => sum + usageOf(join(root, findPlace(lab.plan, place).cgroup)), 0)
  const ask: Ask = async (kind, place, { address, port }, count) => {
    const before = used(client, place)
    const [p50 = 0, p99 = 0] = await say(`${kind} ${address} ${port} ${count}`)
    return { p50, p99, cpu: (used(client, place) - before) / count }
  }
  return { ask, used }
}

/** One line in, numbers out, one after the other. */
function speaker(child: ChildProcess): (line: string) => Promise<number[]> {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  return async line => {
    child.stdin!.write(`${line}\n`)
    const { value, done } = await lines.next()
    if (done) throw new Error(`the client ended on: ${line}`)
    return String(value).split(' ').map(Number)
  }
}

/** From cpu.stat of cgroup2. */
function usageOf(cgroup: string): number {
  return Number(/^usage_usec (\d+)$/m.exec(readFileSync(join(cgroup, 'cpu.stat'), 'utf8'))?.[1])
}
