// SPDX-License-Identifier: Apache-2.0
/** The process, under the names that all Prometheus clients use, and of Node.js what tells of a busy event loop and a full heap. */
import { readdirSync, readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from './prom-client.ts'

/** Milliseconds between two looks at the event loop: a timer of the kernel's each, so not many. */
const LOOP_RESOLUTION = 100

export function createProcessMetrics(registry: Registry): void {
  const registers = [registry]
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  const startedAt = Date.now() / 1_000 - process.uptime()
  gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', () => startedAt)
  gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', process.memoryUsage.rss)
  gauge('process_virtual_memory_bytes', 'Virtual memory size in bytes.', virtualBytes)
  gauge('process_open_fds', 'Number of open file descriptors.', () => readdirSync('/proc/self/fd').length - 1)
  const maxFds = limit('Max open files')
  gauge('process_max_fds', 'Maximum number of open file descriptors.', () => maxFds)
  gauge('nodejs_heap_size_used_bytes', 'Heap in use by objects.', () => process.memoryUsage().heapUsed)
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION })
  delay.enable()
  gauge('nodejs_eventloop_lag_max_seconds', 'The longest delay of the event loop since the scrape before.', () => {
    const { max } = delay
    delay.reset()
    return max / 1e9
  })
}

/** Of /proc/self/status, proc(5). */
function virtualBytes(): number {
  return Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? 0) * 1_024
}

function limit(name: string): number {
  const line = readFileSync('/proc/self/limits', 'latin1')
    .split('\n')
    .find(text => text.startsWith(name))
  const [soft = ''] = (line ?? '').slice(name.length).trim().split(/\s+/)
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}
