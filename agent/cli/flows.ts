// SPDX-License-Identifier: Apache-2.0
/** `evenkeel flows`: the connections that the packet path tracks, read from the maps. */
import { Command } from 'commander'
import { type Flow, FlowFlag, FlowState, flowStateName, type Tuple } from '../kernel/layout.gen.ts'
import type { Dataplane } from '../reconcile/dataplane.ts'
import { partnerOf } from '../reconcile/sweep-flows.ts'
import { bpffsOption, withDataplane } from './bpffs.ts'
import { type Format, outputOption, printJson, printTable } from './output.ts'
import { durationText, endpointText, protocolText, wholeNumber } from './text.ts'

export interface LiveFlow {
  /** "-": of none, but a connection to a pod itself that had to change its port. */
  readonly service: string
  readonly protocol: string
  readonly client: string
  readonly frontend: string
  readonly backend: string
  readonly state: string
  /** Since the last packet in either direction. */
  readonly idleSeconds: number
  /** The source that the backend sees, where it is not the client's own. */
  readonly translatedSource?: string
}

/** Flows, the longest idle last. */
export function liveFlows(dataplane: Dataplane): LiveFlow[] {
  const names = new Map([...dataplane.services.entries()].map(([id, { name }]) => [id, name]))
  const now = process.hrtime.bigint()
  return [...dataplane.flows.entries()]
    .flatMap(entry => (isReply(entry) ? unanswered(dataplane, entry) : [entry]))
    .map(([tuple, flow]) => liveFlow(dataplane, names, now, tuple, flow))
    .sort((a, b) => a.idleSeconds - b.idleSeconds)
}

type Entry = readonly [key: Tuple, flow: Flow]

function isReply([, { flags }]: Entry): boolean {
  return (flags & FlowFlag.REPLY) !== 0
}

/** A connection that nobody has answered has the entry for replies only: here as the client's, if it is one. */
function unanswered(dataplane: Dataplane, [key, flow]: Entry): Entry[] {
  const forward = partnerOf(key, flow)
  if (flow.state !== FlowState.OPENING || dataplane.flows.lookup(forward)) return []
  const ends = { saddr: key.daddr, daddr: key.saddr, sport: key.dport, dport: key.sport }
  return [[forward, { ...flow, ...ends, flags: flow.flags ^ FlowFlag.REPLY }]]
}

function liveFlow(
  dataplane: Dataplane,
  names: ReadonlyMap<number, string>,
  now: bigint,
  tuple: Tuple,
  flow: Flow,
): LiveFlow {
  const reply = dataplane.flows.lookup(partnerOf(tuple, flow))
  const seen = reply && reply.seen > flow.seen ? reply.seen : flow.seen
  const client = endpointText(tuple.saddr, tuple.sport)
  const source = endpointText(flow.saddr, flow.sport)
  return {
    service: flow.service === 0 ? '-' : (names.get(flow.service) ?? `#${flow.service}`),
    protocol: protocolText(tuple.proto),
    client,
    frontend: endpointText(tuple.daddr, tuple.dport),
    backend: endpointText(flow.daddr, flow.dport),
    state: flowStateName(flow.state).toLowerCase().replace('_', '-'),
    idleSeconds: Math.max(0, Number((now - seen) / 1_000_000_000n)),
    ...(source === client ? {} : { translatedSource: source }),
  }
}

export function flowsCommand(): Command {
  return new Command('flows')
    .description("Connections that the packet path tracks, read from this node's maps.")
    .argument('[filter]', 'only flows whose Service, client, frontend or backend contains this text')
    .option('--limit <count>', 'at most so many', wholeNumber, 1_000)
    .addOption(bpffsOption())
    .addOption(outputOption())
    .action(
      (filter: string | undefined, { bpffs, output, limit }: { bpffs: string; output: Format; limit: number }) => {
        const all = withDataplane(bpffs, liveFlows)
        const texts = ({ service, client, frontend, backend }: LiveFlow) => [service, client, frontend, backend]
        const found = all.filter(flow => texts(flow).some(text => text.includes(filter ?? '')))
        if (output === 'json') return printJson(found.slice(0, limit))
        const rows = found
          .slice(0, limit)
          .map(flow => [
            flow.service,
            flow.protocol,
            flow.client,
            flow.frontend,
            flow.backend,
            flow.state,
            durationText(flow.idleSeconds),
          ])
        printTable(['service', 'proto', 'client', 'frontend', 'backend', 'state', 'idle'], rows)
        if (found.length > limit) process.stderr.write(`evenkeel: ${found.length - limit} more flows (--limit)\n`)
      },
    )
}
