// SPDX-License-Identifier: Apache-2.0
/** A Service port explained: who is served by whom, and what is wrong. */
import { liveFlows } from '../cli/flows.ts'
import type { LiveService } from '../cli/services.ts'
import type { CompiledPort } from '../compile/compiled.ts'
import { compileService } from '../compile/service.ts'
import type { PinFolder } from '../kernel/pins.ts'
import type { Dataplane } from '../reconcile/dataplane.ts'
import type { Knowledge } from '../serve/knowledge.ts'
import { affinityFindings, rangeFindings, staleFindings } from './client.ts'
import { type EndpointRow, endpointRows } from './endpoints.ts'
import type { Finding } from './finding.ts'
import { listenerFindings } from './listeners.ts'
import { liveFindings, nodeFindings } from './node.ts'
import { notServed, objectFindings } from './objects.ts'

export interface ExplainedPort {
  /** "shop/web:http/TCP" */
  readonly name: string
  /** As the kernel has them now. */
  readonly frontends: readonly LiveService[]
  /** As the agent knows them; none when it does not run. */
  readonly endpoints: readonly EndpointRow[]
  readonly findings: readonly Finding[]
}

export interface Question {
  /** "shop/web" */
  readonly key: string
  /** A name or number; empty: all. */
  readonly port: string
  /** An address; undefined: nobody in particular. */
  readonly from: string | undefined
}

export interface Sources {
  readonly dataplane: Dataplane
  readonly folder: PinFolder
  /** Of this Service. */
  readonly live: readonly LiveService[]
  /** undefined: the agent does not run. */
  readonly known: Knowledge | undefined
}

export function explainPorts(question: Question, sources: Sources): ExplainedPort[] {
  const { known, live } = sources
  if (known?.view)
    return portsOf(known)
      .filter(port => isAsked(port, question))
      .map(port => explainPort(port, question, sources))
  const names = [...new Set(live.map(({ service }) => service))]
  return names
    .map(name => ({ name, frontends: live.filter(({ service }) => service === name), endpoints: [], findings: [] }))
    .filter(
      ({ name, frontends }) =>
        question.port === '' ||
        name.includes(`:${question.port}/`) ||
        frontends.some(one => one.frontend.includes(`:${question.port}/`)),
    )
}

function portsOf({ view, context }: Knowledge): readonly CompiledPort[] {
  return view === null || notServed(view.service, context) ? [] : compileService(view, context).ports
}

function isAsked({ port, frontends }: CompiledPort, { port: asked }: Question): boolean {
  return asked === '' || port === asked || frontends.some(frontend => String(frontend.port) === asked)
}

function explainPort(
  port: CompiledPort,
  { from }: Question,
  { known, live, dataplane, folder }: Sources,
): ExplainedPort {
  const { view, context, complaints } = known!
  const endpoints = endpointRows(view!, port, context)
  const frontends = live.filter(({ service }) => service === port.name)
  const findings = [
    ...objectFindings(view!, port, endpoints, context),
    ...liveFindings(port, frontends, complaints),
    ...nodeFindings(folder, port, endpoints),
    ...listenerFindings(port, dataplane),
    ...rangeFindings(port, from),
    ...(from === undefined ? [] : affinityFindings(dataplane, frontends, from)),
    ...staleFindings(liveFlows(dataplane), frontends, from),
  ]
  return { name: port.name, frontends, endpoints, findings }
}
