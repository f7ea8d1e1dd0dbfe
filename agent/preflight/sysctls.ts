// SPDX-License-Identifier: Apache-2.0
/** Settings of the network namespace that decide whether translated packets go on. */
import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Finding, ok, trouble } from './finding.ts'

const ROOT = '/proc/sys/net'

export function sysctls(uplinks: readonly string[], nodePortRange: string): Finding[] {
  const read = (name: string) => readSysctl(name)
  return [...forwarding(read), reversePath(read, uplinks), acceptLocal(read), reservedPorts(read, nodePortRange)]
}

/** Undefined when there is none of that name. */
export type Read = (name: string) => string | undefined

function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(join(ROOT, name), 'utf8').trim()
  } catch {
    return undefined
  }
}

export function forwarding(read: Read): Finding[] {
  const all = [
    ['forwarding of IPv4', 'ipv4/ip_forward'],
    ['forwarding of IPv6', 'ipv6/conf/all/forwarding'],
  ] as const
  return all.map(([name, sysctl]) => {
    const value = read(sysctl)
    if (value === undefined || value !== '0')
      return ok(name, value === undefined ? 'no such family' : `net/${sysctl}=${value}`)
    return trouble(name, false, {
      found: `net/${sysctl}=0`,
      consequence: 'Clients outside and guests reach no backend in a pod or on another node, and pods no other node.',
      remedy: `sysctl -w net.${sysctl.replaceAll('/', '.')}=1 (most CNI plugins do)`,
    })
  })
}

/** The stricter of `all` and the device counts (ip-sysctl.rst): 0 off, 1 strict, 2 loose; 2 overrides 1. */
export function reversePath(read: Read, uplinks: readonly string[]): Finding {
  const all = Number(read('ipv4/conf/all/rp_filter') ?? 0)
  const effective = uplinks.map(name => ({
    name,
    value: Math.max(all, Number(read(`ipv4/conf/${name}/rp_filter`) ?? 0)),
  }))
  const found = [`all=${all}`, ...effective.map(({ name, value }) => `${name}: ${value} in effect`)].join(', ')
  // Between several uplinks an answer may come in by another one than the route back takes.
  if (uplinks.length < 2 || effective.every(({ value }) => value !== 1)) return ok('rp_filter', found)
  return trouble('rp_filter', false, {
    found,
    consequence: 'With several uplinks the kernel drops what comes in by another one than the route to its source.',
    remedy: 'sysctl -w net.ipv4.conf.all.rp_filter=2 (loose); the value of "all" overrides a lower one of a device.',
  })
}

/** Nothing of ours sends a packet through the stack with a local source: 0 is right. */
function acceptLocal(read: Read): Finding {
  return ok('accept_local', `all=${read('ipv4/conf/all/accept_local') ?? 0}; either will do`)
}

function reservedPorts(read: Read, range: string): Finding {
  const name = 'ip_local_reserved_ports'
  const reserved = read(`ipv4/${name}`) ?? ''
  const [from = 0, to = 0] = range.split('-').map(Number)
  const spans = reserved.split(',').map(span => span.split('-').map(Number))
  if (spans.some(([low = 0, high = low]) => low <= from && to <= high)) return ok(name, reserved)
  if (isWritable(join(ROOT, 'ipv4', name))) return ok(name, `${reserved || 'none'}; the agent adds ${range}`)
  return trouble(name, true, {
    found: `${reserved || 'none'}, and can't be written`,
    consequence: 'Connections get nodePorts as their own port; the agent does not start.',
    remedy: `sysctl -w net.ipv4.${name}=${range}`,
  })
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK)
    return true
  } catch {
    return false
  }
}
