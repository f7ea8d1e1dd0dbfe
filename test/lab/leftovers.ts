// SPDX-License-Identifier: Apache-2.0
/** Whatever a lab has in the kernel and on disk, found without the lab's own code. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

function list(folder: string, prefix: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter(name => name.startsWith(prefix))
    .map(name => join(folder, name))
}

function mounts(type: string): string[] {
  const fields = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map(line => line.split(' '))
  return fields.filter(([, , is]) => is === type).map(([, path]) => path ?? '')
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function processes(lab: string): string[] {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  const marks = [`/ek-lab-${lab}/`, `/run/evenkeel/lab/${lab}/`]
  const isTheirs = (pid: string) =>
    marks.some(mark => (read(`/proc/${pid}/cgroup`) + read(`/proc/${pid}/cmdline`)).includes(mark))
  const isZombie = (pid: string) => /\) Z /.test(read(`/proc/${pid}/stat`))
  return pids
    .filter(pid => isTheirs(pid) && !isZombie(pid))
    .map(pid => `process ${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`)
}

export function leftovers(lab: string): string[] {
  return [
    ...list('/run/netns', `ek-${lab}-`),
    ...mounts('cgroup2').flatMap(mount => list(mount, `ek-lab-${lab}`)),
    ...mounts('bpf').flatMap(mount => list(mount, `ek-lab-${lab}-`)),
    ...list('/run/evenkeel/lab', lab).filter(path => path.endsWith(`/${lab}`)),
    ...processes(lab),
  ]
}

/** Devices of the machine's own network. */
export function machineDevices(): string[] {
  return readdirSync('/sys/class/net').toSorted()
}
