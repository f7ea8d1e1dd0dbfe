// SPDX-License-Identifier: Apache-2.0

import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { hostPort } from '../../agent/address.ts'
import type { CompiledPort, CompiledService, Frontend } from '../../agent/compile/compiled.ts'
import { compileService } from '../../agent/compile/service.ts'
import { packEndpoints, unpackEndpoints } from '../../agent/endpoints.ts'
import type { ServiceView } from '../../agent/objects.ts'
import { randomBits } from './maglev-sets.ts'
import { onNode } from './objects.ts'
import { randomView } from './random-services.ts'
import { type Answer, answer, isOurs } from './reference.ts'

const ROUNDS = 20_000
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)

function answered({ backends }: CompiledPort, { pool, onEmpty }: Frontend): Answer {
  const members = backends
    .filter(({ pools }) => pools & (1 << pool))
    .map(({ address, port }) => hostPort(address, port))
  return members.length > 0 ? members.sort() : onEmpty
}

function frontendTexts({ ports }: CompiledService): readonly string[] {
  return ports
    .flatMap(port => port.frontends.map(one => `${one.address} ${one.port}/${port.protocol} ${one.scope}`))
    .sort()
}

/** "address port/protocol scope" of all frontends that there must be. */
function wantedFrontends({ service }: ServiceView): readonly string[] {
  if (!isOurs(service)) return []
  const wanted: string[] = []
  for (const { port, nodePort, protocol } of service.ports)
    for (const ip of service.clusterIPs) {
      const v6 = ip.includes(':')
      wanted.push(`${ip} ${port}/${protocol} cluster`)
      const vips = [
        ...service.externalIPs,
        ...service.loadBalancer.flatMap(({ ip, ipMode }) => (ipMode === 'VIP' ? [ip] : [])),
      ]
      const outside = v6 ? [] : vips.map(vip => `${vip} ${port}/${protocol}`)
      if (nodePort) outside.push(`${v6 ? '::' : '0.0.0.0'} ${nodePort}/${protocol}`)
      for (const text of outside) wanted.push(`${text} cluster`, `${text} external`)
    }
  return wanted.sort()
}

/** One assertion a round would drown the report: only the first that fails is told. */
function check(got: unknown, wanted: unknown, about: unknown): void {
  if (isDeepStrictEqual(got, wanted)) return
  t.same(got, wanted, `seed ${SEED}: ${JSON.stringify(about)}`)
  t.bailout(`run with SEED=${SEED} to see it again`)
}

function turnedRound({ service, slices }: ServiceView): ServiceView {
  const turned = slices.map(slice => ({
    ...slice,
    endpoints: packEndpoints(unpackEndpoints(slice.endpoints).toReversed()),
  }))
  return { service, slices: turned.reverse() }
}

t.test(`${ROUNDS} random Services, seed ${SEED}`, t => {
  const random = randomBits(SEED)
  const kinds = { served: 0, refuse: 0, drop: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    const view = randomView(random)
    const place = { nodeName: ['node1', 'node2', 'node4'][round % 3]!, zone: ['z1', 'z2', 'z9'][random() % 3]! }
    const context = onNode(place.nodeName, place.zone)
    const compiled = compileService(view, context)
    check(compileService(turnedRound(view), context), compiled, { what: 'order does not matter', view })
    check(frontendTexts(compiled), wantedFrontends(view), { view })
    for (const [i, port] of compiled.ports.entries())
      for (const frontend of port.frontends) {
        const client = { ...place, inside: frontend.scope === 'cluster' }
        const [v6, external] = [frontend.address.includes(':'), frontend.kind !== 'clusterIP']
        const got = answered(port, frontend)
        check(got, answer(view, view.service.ports[i]!, v6, external, client), { view, client, frontend })
        kinds[typeof got === 'string' ? got : 'served']++
      }
  }
  for (const [kind, count] of Object.entries(kinds)) t.ok(count > ROUNDS / 20, `${kind}: ${count} answers`)
  t.end()
})
