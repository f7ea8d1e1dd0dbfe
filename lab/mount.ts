// SPDX-License-Identifier: Apache-2.0
/** Where the kernel's file systems are mounted: hybrid cgroup set-ups have cgroup2 in a folder of its own. */
import { readFile } from 'node:fs/promises'
import { LabError } from './error.ts'

/** Mount point of the first file system of a type, from /proc/mounts (proc(5)). */
async function findMount(type: string): Promise<string | undefined> {
  const lines = (await readFile('/proc/mounts', 'utf8')).split('\n')
  return lines.map(line => line.split(' ')).find(fields => fields[2] === type)?.[1]
}

async function requireMount(type: string, mend: string): Promise<string> {
  const path = await findMount(type)
  if (path) return path
  throw new LabError(`no ${type} file system is mounted; mount it: ${mend}`)
}

export function cgroupMount(): Promise<string> {
  return requireMount('cgroup2', 'mount -t cgroup2 none /sys/fs/cgroup')
}

export function bpffsMount(): Promise<string> {
  return requireMount('bpf', 'mount -t bpf bpf /sys/fs/bpf')
}
