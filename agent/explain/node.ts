// SPDX-License-Identifier: Apache-2.0
/** What on the node itself keeps clients from being served. */
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { addressOf, hostPort } from '../address.ts'
import { devicePrograms, socketPrograms } from '../cli/programs.ts'
import type { LiveService } from '../cli/services.ts'
import type { CompiledPort } from '../compile/compiled.ts'
import type { PinFolder } from '../kernel/pins.ts'
import type { EndpointRow } from './endpoints.ts'
import { type Finding, note, problem } from './finding.ts'

export function nodeFindings(folder: PinFolder, port: CompiledPort, rows: readonly EndpointRow[]): Finding[] {
  return [...programFindings(folder, port, rows), ...forwardingFindings(rows)]
}

function isOutside({ scope }: { readonly scope: string }): boolean {
  return scope === 'external'
}

function programFindings(folder: PinFolder, { frontends }: CompiledPort, rows: readonly EndpointRow[]): Finding[] {
  const devices = devicePrograms(folder)
  const atUplinks = devices.some(({ program }) => program.startsWith('tc_uplink'))
  const atPods = devices.some(({ program }) => program.startsWith('tc_pod'))
  const found: Finding[] = []
  if (socketPrograms(folder).length === 0 && !atPods) found.push(noPodPrograms(atUplinks && !rows.some(isLocal)))
  if (frontends.some(isOutside) && !atUplinks)
    found.push(
      problem(
        'no device of this node is an uplink: clients outside are not served here',
        'See uplinks in docs/outside.md',
      ),
    )
  return found
}

function isLocal({ local }: EndpointRow): boolean {
  return local
}

/** Of the packet path there are none before there is a pod. */
function noPodPrograms(mayBeMeant: boolean): Finding {
  const what = 'no program of ours is attached for pods of this node'
  if (mayBeMeant) return note(what, 'Meant so with podPath packet while it has none; else see podDevices')
  return problem(what, 'See evenkeel status: does the agent run? With podPath packet, see podDevices')
}

const FORWARDING = { IPv4: 'ipv4/ip_forward', IPv6: 'ipv6/conf/all/forwarding' } as const

function forwardingFindings(rows: readonly EndpointRow[]): Finding[] {
  const own = ownAddresses()
  const serving = rows.filter(row => row.serves.includes('outside') && !isProcess(row, own))
  return Object.entries(FORWARDING).flatMap(([family, path]) => {
    const concerned = serving.some(({ endpoint }) => endpoint.startsWith('[') === (family === 'IPv6'))
    if (!concerned || sysctl(path) !== '0') return []
    const name = `net.${path.replaceAll('/', '.')}`
    return [problem(`${name} is 0: clients outside reach no backend over ${family}`, `sysctl -w ${name}=1`)]
  })
}

/** Of this node, such as a Pod in its network: what comes in for it is not forwarded. */
function isProcess({ endpoint, local }: EndpointRow, own: ReadonlySet<string>): boolean {
  return local && own.has(addressOf(endpoint))
}

function ownAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap(all => (all ?? []).map(({ address }) => address)))
}

function sysctl(path: string): string {
  try {
    return readFileSync(`/proc/sys/net/${path}`, 'utf8').trim()
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
