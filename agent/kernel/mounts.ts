// SPDX-License-Identifier: Apache-2.0
/** Where file systems are mounted. Hybrid set-ups have cgroup2 in a folder of its own. */
import { readFileSync } from 'node:fs'
import { MismatchError } from './mismatch.ts'

/** Mount point of the first file system of a type, from /proc/mounts (proc(5)). */
export function findMount(type: string): string | undefined {
  const lines = readFileSync('/proc/mounts', 'utf8').split('\n')
  return lines.map(line => line.split(' ')).find(fields => fields[2] === type)?.[1]
}

/** The root of cgroup2. Throws MismatchError when it is not mounted. */
export function cgroupRoot(): string {
  const root = findMount('cgroup2')
  if (root) return root
  throw new MismatchError('no cgroup2 file system is mounted', 'Mount it: mount -t cgroup2 none /sys/fs/cgroup')
}
