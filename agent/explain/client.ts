// SPDX-License-Identifier: Apache-2.0
/** What a Service port means to one client: source ranges, affinity, connections that go on. */
import ipaddr from 'ipaddr.js'
import { addressOf, parseAddress } from '../address.ts'
import type { LiveFlow } from '../cli/flows.ts'
import type { LiveService } from '../cli/services.ts'
import { durationText, endpointText } from '../cli/text.ts'
import type { CompiledPort, SourceRange } from '../compile/compiled.ts'
import { addressText } from '../kernel/address.ts'
import { ClientKind } from '../kernel/layout.gen.ts'
import type { Dataplane } from '../reconcile/dataplane.ts'
import { type Finding, note, problem } from './finding.ts'

/** `client`: an address; undefined: nobody in particular. */
export function rangeFindings({ sourceRanges, frontends }: CompiledPort, client: string | undefined): Finding[] {
  const filtered = frontends.filter(({ kind }) => kind === 'loadBalancer').map(({ address }) => address)
  if (sourceRanges === undefined || filtered.length === 0) return []
  const where = `loadBalancerSourceRanges at ${[...new Set(filtered)].join(', ')}`
  const list = sourceRanges.map(({ address, prefix }) => `${address}/${prefix}`).join(', ') || 'nobody'
  if (client === undefined) return [note(`${where}: ${list} alone (see --from)`, 'Others are dropped: SOURCE_RANGE')]
  if (sourceRanges.some(range => isIn(range, client))) return []
  return [problem(`${client} is not in the ${where}: ${list}`, 'It is dropped (SOURCE_RANGE): add its network')]
}

function isIn({ address, prefix }: SourceRange, client: string): boolean {
  if (parseAddress(address)?.family !== parseAddress(client)?.family) return false
  return ipaddr.parse(client).match(ipaddr.parse(address), prefix)
}

/** Of the packet path: the socket path's clients are network namespaces. */
export function affinityFindings(dataplane: Dataplane, live: readonly LiveService[], client: string): Finding[] {
  const seconds = live[0]?.affinitySeconds ?? 0
  const name = live[0]?.service
  if (seconds === 0) return []
  const id = [...dataplane.services.entries()].find(([, service]) => service.name === name)?.[0]
  for (const [key, { backend, used }] of dataplane.affinity.entries()) {
    if (key.service !== id || key.kind !== ClientKind.ADDR || addressText(key.client) !== client) continue
    const { addr, port } = dataplane.backends.read(backend)
    const left = seconds - Number((process.hrtime.bigint() - used) / 1_000_000_000n)
    if (left > 0)
      return [
        note(`affinity keeps ${client} to ${endpointText(addr, port)} for ${durationText(left)} more`, 'As asked for'),
      ]
  }
  return []
}

/** Connections that stay with somebody who serves no more. */
export function staleFindings(
  flows: readonly LiveFlow[],
  live: readonly LiveService[],
  client: string | undefined,
): Finding[] {
  const serving = new Set(live.flatMap(({ backends }) => backends))
  const name = live[0]?.service
  const stale = flows.filter(
    flow => flow.service === name && !serving.has(flow.backend) && (!client || addressOf(flow.client) === client),
  )
  const counts = Map.groupBy(stale, ({ backend }) => backend)
  return [...counts].map(([backend, { length }]) =>
    note(
      `${length} tracked connections lead to ${backend}, which takes no new ones`,
      'They go on until they end or time out (flows); end them at the client, or see destroyTcp',
    ),
  )
}
