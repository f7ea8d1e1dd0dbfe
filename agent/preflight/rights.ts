// SPDX-License-Identifier: Apache-2.0
/** The kernel and what this process may do with it. */
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { type Finding, ok, trouble } from './finding.ts'

/** <linux/capability.h>; CAP_BPF and CAP_PERFMON are of kernel 5.8. CAP_SYS_ADMIN stands for both. */
const CAPABILITIES = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39 } as const

export function rights(): Finding[] {
  const status = readFileSync('/proc/self/status', 'utf8')
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const jit = readText('/proc/sys/net/core/bpf_jit_enable')
  return [kernelVersion(release()), capabilities(status), memlock(limits, release()), jitOf(jit)]
}

export function kernelVersion(version: string): Finding {
  if (reached(version, 5, 10)) return ok('kernel', version)
  return trouble('kernel', true, {
    found: version,
    consequence: 'Too old: programs and maps that everything needs are missing.',
    remedy: 'Use Linux 5.10 or newer, best 6.6 or newer.',
  })
}

/** Of what uname -r says: "5.10.0-32-amd64". */
export function reached(version: string, major: number, minor: number): boolean {
  const [have = 0, haveMinor = 0] = version.split('.').map(Number.parseFloat)
  return have > major || (have === major && haveMinor >= minor)
}

/** Of the text of /proc/self/status. */
export function capabilities(status: string): Finding {
  const bits = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`)
  const has = (bit: number) => (bits >> BigInt(bit)) & 1n
  const missing = Object.entries(CAPABILITIES).filter(([, bit]) => !has(bit))
  if (missing.length === 0) return ok('capabilities', Object.keys(CAPABILITIES).join(' '))
  const names = missing.map(([name]) => name)
  // Without CAP_SYS_ADMIN maps and links can't be found by their ids, and no namespace is entered.
  const needed = !has(CAPABILITIES.CAP_NET_ADMIN) || !has(CAPABILITIES.CAP_SYS_ADMIN)
  return trouble('capabilities', needed, {
    found: `without ${names.join(', ')}`,
    consequence: needed ? 'Programs and maps are neither loaded nor found again.' : 'CAP_SYS_ADMIN stands for them.',
    remedy: 'Run as root on the host, or in a privileged container.',
  })
}

/** Of the text of /proc/self/limits. Since 5.11 memory of maps counts as the cgroup's. */
export function memlock(limits: string, version: string): Finding {
  const limit = /^Max locked memory\s+(\S+)/m.exec(limits)?.[1] ?? 'unknown'
  if (limit === 'unlimited' || reached(version, 5, 11)) return ok('locked memory', `limit ${limit}`)
  return trouble('locked memory', false, {
    found: `limit ${limit} bytes`,
    consequence:
      'Before kernel 5.11 maps count as locked memory; it is raised by itself where CAP_SYS_RESOURCE allows.',
    remedy: 'LimitMEMLOCK=infinity for systemd; privileged containers have it.',
  })
}

export function jitOf(value: string): Finding {
  if (value !== '0') return ok('JIT', value === '' ? 'always on' : `net.core.bpf_jit_enable=${value}`)
  return trouble('JIT', false, {
    found: 'net.core.bpf_jit_enable=0',
    consequence: 'Programs are interpreted, several times slower.',
    remedy: 'sysctl -w net.core.bpf_jit_enable=1',
  })
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return ''
  }
}
