// SPDX-License-Identifier: Apache-2.0
/** cgroup2 and its hooks: for each one that the socket path uses a program that changes nothing, attached for a moment. */
import type { Config } from '../config.ts'
import { bridge } from '../kernel/bridge.ts'
import { check } from '../kernel/errno.ts'
import { built, withProgram } from '../kernel/features.ts'
import { HOOKS, type HookName } from '../kernel/hooks.ts'
import { cgroupRoot } from '../kernel/mounts.ts'
import { attempt, type Finding } from './finding.ts'

export function hooks({ cgroup, podPath }: Config): Finding[] {
  const needed = podPath !== 'packet'
  const consequence = 'The socket path is not there: pods and processes of the node are not served when they dial.'
  const folder = attempt('cgroup2', needed, () => (cgroup === '' ? cgroupRoot() : cgroup), {
    consequence,
    remedy: 'Boot with systemd.unified_cgroup_hierarchy=1 or mount -t cgroup2 none /sys/fs/cgroup; or podPath: packet.',
  })
  if (folder.verdict !== 'ok') return [folder]
  const attached = attempt('hooks of cgroup2', needed, () => attachAll(folder.found), {
    consequence,
    remedy: 'bpftool cgroup tree shows whose program is there without BPF_F_ALLOW_MULTI; or podPath: packet.',
  })
  return [folder, attached]
}

function attachAll(cgroup: string): string {
  const names = Object.keys(HOOKS) as HookName[]
  const fd = check(bridge.openFolder(cgroup), 'open cgroup', cgroup)
  try {
    for (const name of names) attachOne(fd, name, cgroup)
    return `${names.length} attached to ${cgroup} and taken off`
  } finally {
    bridge.close(fd)
  }
}

function attachOne(cgroupFd: number, name: HookName, cgroup: string): void {
  const link = withProgram(built('probe_hooks'), name, fd =>
    check(bridge.attachCgroup(fd, cgroupFd, HOOKS[name]), `attach ${name} to`, cgroup),
  )
  if (link === undefined) throw new Error(`the kernel does not take a program for ${name}`)
  check(bridge.linkDetach(link), `detach ${name} from`, cgroup)
  bridge.close(link)
}
