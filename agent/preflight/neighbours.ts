// SPDX-License-Identifier: Apache-2.0
/** Whoever else works on this node's traffic. */
import type { Config } from '../config.ts'
import { listAttachments } from '../kernel/attach.ts'
import { bridge } from '../kernel/bridge.ts'
import type { Device } from '../kernel/devices.ts'
import { check } from '../kernel/errno.ts'
import { type Direction, listFilters } from '../kernel/filters.ts'
import { HOOKS, listHooks } from '../kernel/hooks.ts'
import { cgroupRoot } from '../kernel/mounts.ts'
import { allPinFolders } from '../kernel/pins.ts'
import { findLeftovers } from '../migrate/leftovers.ts'
import { runningProxies } from '../migrate/proxies.ts'
import { attempt, type Finding, ok, trouble } from './finding.ts'

const TCX: Readonly<Record<Direction, number>> = { ingress: 46, egress: 47 }
const DIRECTIONS: readonly Direction[] = ['ingress', 'egress']

/** Cilium's programs that translate Services: "cil_sock4_connect". */
const RIVAL = /^cil_sock|^sock4_connect|^calico_connect/

export function neighbours(config: Config, uplinks: readonly Device[]): Finding[] {
  return [onUplinks(config, uplinks), onCgroup(config), kubeProxy()]
}

const OTHERS = { consequence: 'It could not be seen whose programs are there.', remedy: 'Run as root.' }

function onUplinks({ bpffs }: Config, uplinks: readonly Device[]): Finding {
  return attempt(
    'programs of others on uplinks',
    false,
    () => {
      const ours = new Set(
        allPinFolders(bpffs)
          .flatMap(listAttachments)
          .map(({ programId }) => programId),
      )
      const found = uplinks.flatMap(({ name, ifindex }) =>
        DIRECTIONS.flatMap(direction =>
          programsOn(ifindex, direction)
            .filter(id => !ours.has(id))
            .map(id => `${name} ${direction}: ${programName(id)}`),
        ),
      )
      return found.join(', ') || `none on ${uplinks.map(({ name }) => name).join(', ') || 'any: there is no uplink'}`
    },
    OTHERS,
  )
}

function programsOn(ifindex: number, direction: Direction): number[] {
  const links = bridge.attachedPrograms(ifindex, TCX[direction])
  const filters = listFilters(ifindex, direction).map(({ programId }) => programId)
  return [...(typeof links === 'number' ? [] : links), ...filters]
}

function programName(id: number): string {
  const fd = bridge.programById(id)
  if (fd < 0) return `#${id}`
  const info = bridge.programInfo(fd)
  bridge.close(fd)
  return typeof info === 'number' ? `#${id}` : info.name
}

function onCgroup({ cgroup, bpffs, podPath }: Config): Finding {
  const name = 'programs of others at sockets'
  if (podPath === 'packet') return ok(name, 'not asked: podPath packet')
  const all = attempt(name, false, () => programsAt(cgroup === '' ? cgroupRoot() : cgroup, bpffs).join(', '), OTHERS)
  if (all.verdict !== 'ok') return all
  const rivals = all.found.split(', ').filter(program => RIVAL.test(program))
  if (rivals.length === 0) return ok(name, all.found || 'none')
  return trouble(name, false, {
    found: rivals.join(', '),
    consequence:
      'Another replacement of kube-proxy translates Services at the same place; whose turn is first, serves.',
    remedy: 'Turn it off: kubeProxyReplacement: false (Cilium), bpfConnectTimeLoadBalancing: Disabled (Calico).',
  })
}

function programsAt(cgroup: string, bpffs: string): string[] {
  const ours = new Set(
    allPinFolders(bpffs)
      .flatMap(listHooks)
      .map(({ programId }) => programId),
  )
  const fd = check(bridge.openFolder(cgroup), 'open cgroup', cgroup)
  try {
    const found = Object.values(HOOKS).map(hook => bridge.attachedPrograms(fd, hook))
    const ids = found.flatMap(ids => (typeof ids === 'number' ? [] : ids)).filter(id => !ours.has(id))
    return [...new Set(ids)].map(programName)
  } finally {
    bridge.close(fd)
  }
}

function kubeProxy(): Finding {
  const name = 'kube-proxy'
  const running = runningProxies().map(({ pid }) => `runs as pid ${pid}`)
  const left = attempt(
    name,
    false,
    () =>
      findLeftovers()
        .map(({ where }) => where)
        .join('; '),
    {
      consequence: 'It is not known what kube-proxy has left here.',
      remedy: 'Install what is missing and see evenkeel migrate check.',
    },
  )
  if (left.verdict !== 'ok') return left
  const found = [...running, ...(left.found === '' ? [] : [`rules in ${left.found}`])]
  if (found.length === 0) return ok(name, 'does not run, left nothing')
  return trouble(name, false, {
    found: found.join('; '),
    consequence: 'Both work at once, evenkeel first; its rules are asked for nothing any more but cost time.',
    remedy: 'Stop it, then evenkeel migrate: docs/migrate.md',
  })
}
