// SPDX-License-Identifier: Apache-2.0
/**
 * Who owns a frontend that two Services claim. Kept up to date Service by Service: the cost of a change is the size of that
 * Service and of those that it competes with.
 */

import { hostPort } from '../address.ts'
import type { ServiceKey } from '../objects.ts'
import type { CompiledPort, CompiledService, Frontend } from './compiled.ts'

export interface ClaimingService extends Pick<CompiledService, 'created'> {
  readonly ports: readonly Pick<CompiledPort, 'protocol' | 'frontends'>[]
}

export interface ClaimIndex {
  /** Replaces a Service's claims (undefined: it is gone). Returns the other Services that won or lost a frontend. */
  update(key: ServiceKey, service: ClaimingService | undefined): readonly ServiceKey[]
  /** Undefined when nobody claims it. */
  owner(port: Pick<CompiledPort, 'protocol'>, frontend: Frontend): ServiceKey | undefined
  /** One for each Service and frontend that it claims in vain; each names both Services. */
  warnings(): readonly string[]
}

/** "10.96.0.10:80/TCP": in either scope, for a Service that claims it in one has the other. */
type FrontendText = string

interface Claim {
  readonly key: ServiceKey
  readonly created: number
  readonly kind: Frontend['kind']
}

const NONE: readonly never[] = []

export function claimIndex(): ClaimIndex {
  const owners = new Map<FrontendText, Claim>()
  /** Of the few frontends that several claim, the owner first. */
  const contested = new Map<FrontendText, readonly Claim[]>()
  const byService = new Map<ServiceKey, readonly FrontendText[]>()

  function claimsOn(text: FrontendText): readonly Claim[] {
    const owner = owners.get(text)
    return contested.get(text) ?? (owner ? [owner] : NONE)
  }

  function replace(text: FrontendText, key: ServiceKey, claim: Claim | undefined): void {
    const others = claimsOn(text).filter(other => other.key !== key)
    const list = claim ? [...others, claim].sort(precedence) : others
    if (list[0]) owners.set(text, list[0])
    else owners.delete(text)
    if (list.length > 1) contested.set(text, list)
    else contested.delete(text)
  }

  return {
    update(key, service) {
      const before = byService.get(key) ?? NONE
      const after = claimsOf(key, service)
      const affected = new Set<ServiceKey>()
      const move = (text: FrontendText, claim: Claim | undefined) => {
        const loser = owners.get(text)?.key
        replace(text, key, claim)
        const winner = owners.get(text)?.key
        if (winner === loser) return
        for (const other of [loser, winner]) if (other !== undefined && other !== key) affected.add(other)
      }
      for (const text of before) if (!after.has(text)) move(text, undefined)
      for (const [text, claim] of after) move(text, claim)
      if (after.size > 0) byService.set(key, [...after.keys()])
      else byService.delete(key)
      return [...affected]
    },
    owner: (port, frontend) => owners.get(frontendText(port, frontend))?.key,
    warnings: () => [...contested.keys()].sort().flatMap(text => lost(text, claimsOn(text))),
  }
}

/**
 * The older one keeps it, where kube-proxy lets whichever it wrote last have it; of two of the same age the one with the greater
 * key, only so that all nodes decide alike. But a clusterIP is never given away: an external IP must not catch another Service's
 * traffic in the cluster (CVE-2020-8554).
 */
function precedence(a: Claim, b: Claim): number {
  return rank(a) - rank(b) || age(a) - age(b) || (a.key > b.key ? -1 : 1)
}

function rank({ kind }: Claim): number {
  return kind === 'clusterIP' ? 0 : 1
}

/** Where it is not known when a Service was made, those win of which it is. */
function age({ created }: Claim): number {
  return created || Number.MAX_SAFE_INTEGER
}

/**
 * A clusterIP is served inside the cluster only, but nobody else may have it outside; the other kinds are served in both scopes.
 * A Service's frontends of one kind share a claim.
 */
function claimsOf(key: ServiceKey, service: ClaimingService | undefined): ReadonlyMap<FrontendText, Claim> {
  const made = new Map<FrontendText, Claim>()
  let claim: Claim | undefined
  for (const port of service?.ports ?? []) {
    for (const frontend of port.frontends) {
      const { kind } = frontend
      const text = frontendText(port, frontend)
      if (claim?.kind !== kind) claim = { key, created: service!.created, kind }
      // Of an address that is both, as clusterIPs come first.
      if (!made.has(text)) made.set(text, claim)
    }
  }
  return made
}

/** Joined for the reason that keyOf() is. */
function frontendText({ protocol }: Pick<CompiledPort, 'protocol'>, { address, port }: Frontend): FrontendText {
  return [hostPort(address, port), protocol].join('/')
}

const FIELDS: Readonly<Record<Frontend['kind'], string>> = {
  clusterIP: 'spec.clusterIPs',
  externalIP: 'spec.externalIPs',
  loadBalancer: 'status.loadBalancer.ingress',
  nodePort: 'spec.ports[].nodePort',
}

function lost(frontend: FrontendText, [owner, ...losers]: readonly Claim[]): readonly string[] {
  return losers.map(
    loser =>
      `Service ${loser.key}: ${FIELDS[loser.kind]}: ${frontend} belongs to Service ${owner!.key}, ` +
      `${reason(owner!, loser)}: change one of the two`,
  )
}

function reason(owner: Claim, loser: Claim): string {
  if (rank(owner) < rank(loser)) return 'which has it as clusterIP'
  return age(owner) < age(loser) ? 'which is older' : 'which has the greater name, and both are of the same age'
}
