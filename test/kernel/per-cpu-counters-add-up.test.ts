// SPDX-License-Identifier: Apache-2.0
import { release } from 'node:os'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { check } from '../../agent/kernel/errno.ts'
import { MAPS, type ServiceCounters, serviceCountersCodec } from '../../agent/kernel/layout.gen.ts'
import { openPerCpuMap } from '../../agent/kernel/percpu.ts'
import { reached } from '../../agent/preflight/rights.ts'
import { makeMap } from './workspace.ts'

const cpus = bridge.possibleCpus()

function counters(n: number): ServiceCounters {
  return { connections: BigInt(n), packets: BigInt(n) << 33n, bytes: BigInt(n) << 50n, rejected: 1n }
}

/** CPU c counts n + c. */
function count(fd: number, index: number, n: number): void {
  const key = Buffer.alloc(4)
  key.writeUInt32LE(index)
  const values = Buffer.alloc(cpus * serviceCountersCodec.size)
  for (let cpu = 0; cpu < cpus; cpu++)
    serviceCountersCodec.encode(counters(n + cpu), values, cpu * serviceCountersCodec.size)
  check(bridge.mapUpdate(fd, key, values), 'update', 'counters')
}

const ofCpus = (cpus * (cpus - 1)) / 2

t.test('one element is given for each CPU and as a sum', async t => {
  const map = openPerCpuMap(MAPS.counters, makeMap(MAPS.counters, 10_000))
  count(map.fd, 5, 100)
  t.same(
    map.lookup(5),
    Array.from({ length: cpus }, (_, cpu) => counters(100 + cpu)),
  )
  const total = cpus * 100 + ofCpus
  const { connections, packets, bytes } = counters(total)
  t.same(map.sum(5), { connections, packets, bytes, rejected: BigInt(cpus) })
  t.equal(map.lookup(10_000), undefined)
  map.close()
})

t.test('all elements are summed in batches', async t => {
  const map = openPerCpuMap(MAPS.counters, makeMap(MAPS.counters, 10_000))
  for (let i = 0; i < 10_000; i++) count(map.fd, i, i)
  const sums = new Map(map.sums())
  t.equal(sums.size, 10_000)
  for (const [index, sum] of sums)
    if (sum.connections !== BigInt(cpus * index + ofCpus))
      t.equal(sum.connections, BigInt(cpus * index + ofCpus), `element ${index}`)
  // Batches of per-CPU arrays are of kernel 5.13: before, each element is found and read.
  const most = reached(release(), 5, 13) ? 4 : 2 * 10_000 + 2
  t.ok(map.operations.syscalls <= most, `${map.operations.syscalls} system calls`)
  map.close()
})

t.test('elements are reset on all CPUs, the others stay', async t => {
  const map = openPerCpuMap(MAPS.counters, makeMap(MAPS.counters, 10))
  for (let i = 0; i < 10; i++) count(map.fd, i, 7)
  map.reset([2, 3])
  const zero = [...map.sums()].filter(([, sum]) => sum.packets === 0n).map(([index]) => index)
  t.same(zero, [2, 3])
  t.equal(map.operations.updates, 2)
  map.close()
})
