// SPDX-License-Identifier: Apache-2.0
/** Processes that would write kube-proxy's rules again: kube-proxy itself, in this network namespace. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

export interface Proxy {
  readonly pid: number
  readonly command: string
}

/** Only those that this PID namespace shows: see hostPID in docs/migrate.md. */
export function runningProxies(): Proxy[] {
  const own = readlinkSync('/proc/self/ns/net')
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  return pids.flatMap(pid => {
    const command = commandOf(pid, own)
    return command !== undefined && isProxy(command) ? [{ pid: Number(pid), command }] : []
  })
}

/** Undefined when it has ended meanwhile, is of the kernel, or is in another network namespace. */
function commandOf(pid: string, netns: string): string | undefined {
  try {
    if (readlinkSync(`/proc/${pid}/ns/net`) !== netns) return undefined
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return undefined
  }
}

/** Also as a part of hyperkube. In k3s and RKE2 it has no process of its own. */
function isProxy(command: string): boolean {
  const [name = '', first] = command.split(' ')
  return basename(name) === 'kube-proxy' || (basename(name) === 'hyperkube' && first === 'kube-proxy')
}
