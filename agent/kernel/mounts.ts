// SPDX-License-Identifier: Apache-2.0
/** Where file systems are mounted. Hybrid set-ups have cgroup2 in a folder of its own. */
import { readFileSync, statfsSync } from 'node:fs'
import { MismatchError } from './mismatch.ts'

/** Mount point of the first file system of a type; `mounts` is the text of /proc/mounts (proc(5)). */
export function findMount(type: string, mounts: string): string | undefined {
  const fields = mounts.split('\n').map(line => line.split(' '))
  const point = fields.find(([, , kind]) => kind === type)?.[1]
  // Spaces, tabs, line ends and backslashes of a path are written as octal numbers.
  return point?.replaceAll(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** The root of cgroup2. Throws MismatchError when it is not mounted. */
export function cgroupRoot(mounts = readFileSync('/proc/mounts', 'utf8')): string {
  const root = findMount('cgroup2', mounts)
  if (root !== undefined) return root
  throw new MismatchError('no cgroup2 file system is mounted', 'Mount it: mount -t cgroup2 none /sys/fs/cgroup')
}

/** CGROUP2_SUPER_MAGIC of <linux/magic.h>. */
const CGROUP2 = 0x63677270

/** The folder itself, or the root of cgroup2 for "". Throws MismatchError when it is none of cgroup2. */
export function cgroupFolder(folder: string): string {
  if (folder === '') return cgroupRoot()
  if (fileSystemOf(folder) === CGROUP2) return folder
  throw new MismatchError(
    `cgroup: ${folder} is no folder of cgroup2`,
    `Name one below ${cgroupRoot()}, or leave it out`,
  )
}

function fileSystemOf(folder: string): number | undefined {
  try {
    return statfsSync(folder).type
  } catch {
    return undefined
  }
}
