// SPDX-License-Identifier: Apache-2.0
/** What the agent complains of, as Events at the Service that it is about. */
import { setImmediate } from 'node:timers/promises'
import { addressText } from '../kernel/address.ts'
import { readChunks } from '../kernel/batch.ts'
import { flowCodec, MAPS, Reason } from '../kernel/layout.gen.ts'
import { rawMap } from '../kernel/maps.ts'
import type { Dataplane } from '../reconcile/dataplane.ts'
import { serviceOf } from '../reconcile/live.ts'
import type { EventRecorder, ServiceEvent } from './events.ts'

const LINE = /^Service ([^\s:]+\/[^\s:]+): (.*)$/s

/** `failures`: Services that are not served as they should be; `warnings`: what of others was left out. */
export type Complain = (failures: readonly string[], warnings: readonly string[]) => void

export function complaints(events: EventRecorder): Complain {
  return (failures, warnings) => {
    const all = [
      ...failures.map(line => complaintOf(line, 'NotServed')),
      ...warnings.map(line => complaintOf(line, warningReason(line))),
    ]
    for (const event of all) if (event) events.report(event)
  }
}

/** "Service default/web: spec.externalIPs: ..." as all warnings and problems about Services begin. undefined: about something else. */
function complaintOf(line: string, reason: ServiceEvent['reason']): ServiceEvent | undefined {
  const [, service, note] = LINE.exec(line) ?? []
  return service === undefined ? undefined : { service, reason, note: note! }
}

/** A frontend that another Service has, as compile/claims.ts says it. */
function warningReason(line: string): ServiceEvent['reason'] {
  return line.includes(' belongs to Service ') ? 'FrontendConflict' : 'FieldIgnored'
}

/**
 * To be called now and then: looks whether source ports have run out since, and towards which backend: the one that most flows lead
 * to, as the programs count only that it happened.
 */
export function watchSourcePorts(dataplane: Dataplane, events: EventRecorder): () => Promise<void> {
  let before = dataplane.reasons.sum(Reason.PORTS_EXHAUSTED) ?? 0n
  return async () => {
    const count = dataplane.reasons.sum(Reason.PORTS_EXHAUSTED) ?? 0n
    if (count === before) return
    before = count
    const busiest = await busiestBackend(dataplane)
    if (busiest === undefined) return
    const { addr, port, service } = dataplane.backends.read(busiest)
    const name = dataplane.services.lookup(service)?.name
    if (name === undefined) return
    const note =
      `no source port is left on this node towards the backend ${addressText(addr)} port ${port}: new connections are dropped. ` +
      'Use more backends or nodes, or externalTrafficPolicy: Local'
    events.report({ service: serviceOf(name), reason: 'SourcePortsExhausted', note })
  }
}

async function busiestBackend({ flows }: Dataplane): Promise<number | undefined> {
  const map = rawMap(MAPS.flows, flows.fd, {}, 1)
  const at = flowCodec.fields.find(({ path }) => path === 'backend')!.offset
  const counts = new Map<number, number>()
  for (const { values, count } of readChunks(map)) {
    for (let i = 0; i < count; i++) {
      const backend = values.readUInt32LE(i * map.valueSize + at)
      counts.set(backend, (counts.get(backend) ?? 0) + 1)
    }
    await setImmediate()
  }
  let busiest: number | undefined
  for (const [backend, n] of counts) if (busiest === undefined || n > counts.get(busiest)!) busiest = backend
  return busiest
}
