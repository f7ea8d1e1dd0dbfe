// SPDX-License-Identifier: Apache-2.0
/** What on the node itself keeps clients from being served. */
import { readFileSync } from 'node:fs'
import { hostPort } from '../address.ts'
import { devicePrograms, socketPrograms } from '../cli/programs.ts'
import type { LiveService } from '../cli/services.ts'
import type { CompiledPort } from '../compile/compiled.ts'
import type { PinFolder } from '../kernel/pins.ts'
import type { EndpointRow } from './endpoints.ts'
import { type Finding, note, problem } from './finding.ts'

export function nodeFindings(folder: PinFolder, port: CompiledPort, rows: readonly EndpointRow[]): Finding[] {
  return [...programFindings(folder, port), ...forwardingFindings(port, rows), ...listenerFindings(port)]
}

function isOutside({ scope }: { readonly scope: string }): boolean {
  return scope === 'external'
}

function programFindings(folder: PinFolder, { frontends }: CompiledPort): Finding[] {
  const devices = devicePrograms(folder)
  const atUplinks = devices.some(({ program }) => program.startsWith('tc_uplink'))
  const atPods = devices.some(({ program }) => program.startsWith('tc_pod'))
  const found: Finding[] = []
  if (socketPrograms(folder).length === 0 && !atPods)
    found.push(
      problem('no program of ours is attached for pods of this node', 'See evenkeel status: does the agent run?'),
    )
  if (frontends.some(isOutside) && !atUplinks)
    found.push(
      problem(
        'no device of this node is an uplink: clients outside are not served here',
        'See uplinks in docs/outside.md',
      ),
    )
  return found
}

const FORWARDING = { IPv4: 'ipv4/ip_forward', IPv6: 'ipv6/conf/all/forwarding' } as const

function forwardingFindings({ frontends }: CompiledPort, rows: readonly EndpointRow[]): Finding[] {
  if (!frontends.some(isOutside)) return []
  const serving = rows.filter(({ serves }) => serves.includes('outside'))
  return Object.entries(FORWARDING).flatMap(([family, path]) => {
    const concerned = serving.some(({ endpoint }) => endpoint.startsWith('[') === (family === 'IPv6'))
    if (!concerned || sysctl(path) !== '0') return []
    const name = `net.${path.replaceAll('/', '.')}`
    return [problem(`${name} is 0: clients outside reach no backend over ${family}`, `sysctl -w ${name}=1`)]
  })
}

function sysctl(path: string): string {
  try {
    return readFileSync(`/proc/sys/net/${path}`, 'utf8').trim()
  } catch {
    return ''
  }
}

/** The nodePort comes first, so the process is not heard. */
function listenerFindings({ frontends, protocol }: CompiledPort): Finding[] {
  const ports = new Set(frontends.filter(({ kind }) => kind === 'nodePort').map(({ port }) => port))
  if (protocol !== 'TCP') return []
  return [...ports]
    .filter(isListenedAt)
    .map(port =>
      note(
        `a process of this node listens at the nodePort ${port}, too: connections come to the Service, not to it`,
        `ss -ltnp sport = :${port} names it: give one of the two another port`,
      ),
    )
}

/** proc(5): the local address is the second field, its port in hexadecimal; state 0A is LISTEN. */
function isListenedAt(port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  return ['tcp', 'tcp6'].some(file =>
    new RegExp(`^ *\\d+: [0-9A-F]+:${hex} [0-9A-F]+:0000 0A `, 'm').test(netFile(file)),
  )
}

function netFile(name: string): string {
  try {
    return readFileSync(`/proc/net/${name}`, 'utf8')
  } catch {
    return ''
  }
}

/** Where the maps do not say what the objects mean. `complaints` tell of what another Service has. */
export function liveFindings(
  { protocol, frontends, backends }: CompiledPort,
  live: readonly LiveService[],
  complaints: readonly string[],
): Finding[] {
  const there = new Map(live.map(one => [`${one.frontend} (${one.scope})`, one]))
  const late = frontends.flatMap(({ address, port, scope, pool }) => {
    const frontend = `${hostPort(address, port)}/${protocol}`
    const name = `${frontend} (${scope})`
    const expected = backends.filter(({ pools }) => pools & (1 << pool)).length
    const same = there.get(name)?.backends.length === expected
    return same || complaints.some(line => line.includes(` ${frontend} belongs to `)) ? [] : [name]
  })
  if (late.length === 0) return []
  const what = `the kernel does not serve this as the objects say: ${late.join(', ')}`
  return [problem(what, 'Look again in a second; then see the log of the agent')]
}
