// SPDX-License-Identifier: Apache-2.0
import t from 'tap'
import { type ClaimIndex, claimIndex } from '../../agent/compile/claims.ts'
import type { CompiledService } from '../../agent/compile/compiled.ts'
import { compileService } from '../../agent/compile/service.ts'
import type { Service } from '../../agent/objects.ts'
import { onNode, service } from './objects.ts'

function compiled(name: string, given: Partial<Service> = {}): CompiledService {
  return compileService({ service: service({ name, externalIPs: ['203.0.113.1'], ...given }), slices: [] }, onNode())
}

/** Who owns the external IP, in both scopes. */
function owner(claims: ClaimIndex): string | undefined {
  const [port] = compiled('probe').ports
  const owners = port!.frontends
    .filter(({ kind }) => kind === 'externalIP')
    .map(frontend => claims.owner(port!, frontend))
  t.equal(new Set(owners).size, 1, 'both scopes have the same owner')
  return owners[0]
}

const old = compiled('old', { clusterIPs: ['10.96.0.11'], created: 1_000 })
const young = compiled('young', { clusterIPs: ['10.96.0.12'], created: 2_000 })
const ageless = compiled('ageless', { clusterIPs: ['10.96.0.13'] })

t.test('the older one keeps it, whichever is learned first', t => {
  for (const order of [
    [old, young],
    [young, old],
  ]) {
    const claims = claimIndex()
    for (const one of order) claims.update(one.key, one)
    t.equal(owner(claims), 'default/old')
    t.match(claims.warnings(), [
      /^Service default\/young: spec.externalIPs: 203.0.113.1:80\/TCP belongs to Service default\/old, which is older/,
    ])
    t.equal(claims.warnings().length, 1)
  }
  t.end()
})

t.test('update names the others that win or lose', t => {
  const claims = claimIndex()
  t.same(claims.update(young.key, young), [])
  t.same(claims.update(old.key, old), ['default/young'], 'young lost')
  t.same(claims.update(ageless.key, ageless), [], 'ageless won nothing')
  t.same(claims.update(young.key, young), [], 'young changed nothing')
  t.same(claims.update(old.key, undefined), ['default/young'], 'young won it back')
  t.equal(owner(claims), 'default/young')
  t.same(claims.update(young.key, compiled('young', { externalIPs: [], created: 2_000 })), ['default/ageless'])
  t.equal(owner(claims), 'default/ageless')
  t.same(claims.warnings(), [])
  t.same(claims.update(ageless.key, undefined), [])
  t.equal(owner(claims), undefined)
  t.end()
})

t.test('a Service made again is as young as its new object', t => {
  const claims = claimIndex()
  claims.update(old.key, old)
  claims.update(young.key, young)
  t.same(claims.update(old.key, compiled('old', { clusterIPs: ['10.96.0.11'], created: 3_000 })), ['default/young'])
  t.equal(owner(claims), 'default/young')
  t.end()
})

t.test('an external IP never takes a clusterIP', t => {
  const claims = claimIndex()
  const thief = compiled('thief', { clusterIPs: ['10.96.0.20'], externalIPs: ['10.96.0.21'], created: 1 })
  const victim = compiled('victim', { clusterIPs: ['10.96.0.21'], externalIPs: [], created: 2 })
  claims.update(thief.key, thief)
  t.same(claims.update(victim.key, victim), ['default/thief'])
  const [port] = victim.ports
  t.equal(claims.owner(port!, port!.frontends[0]!), 'default/victim')
  t.match(claims.warnings(), [/^Service default\/thief: .* which has it as clusterIP/])
  t.end()
})

t.test('the rest of the loser is its own', t => {
  const claims = claimIndex()
  claims.update(old.key, old)
  claims.update(young.key, young)
  const [port] = young.ports
  const own = port!.frontends.filter(frontend => claims.owner(port!, frontend) === young.key)
  t.same(
    own.map(({ address }) => address),
    ['10.96.0.12'],
  )
  t.end()
})
