// SPDX-License-Identifier: Apache-2.0
/**
 * Who owns a frontend that two Services claim. Kept up to date Service by Service: the cost of a change is the size of that
 * Service and of those that it competes with.
 */

import { hostPort } from '../address.ts'
import type { ServiceKey } from '../objects.ts'
import type { CompiledPort, CompiledService, Frontend } from './compiled.ts'

export interface ClaimIndex {
  /** Replaces a Service's claims (undefined: it is gone). Returns the other Services that won or lost a frontend. */
  update(key: ServiceKey, service: CompiledService | undefined): readonly ServiceKey[]
  /** Undefined when nobody claims it. */
  owner(port: Pick<CompiledPort, 'protocol'>, frontend: Frontend): ServiceKey | undefined
  /** One for each Service and frontend that it claims in vain; each names both Services. */
  warnings(): readonly string[]
}

/** "10.96.0.10:80/TCP cluster" */
type FrontendText = string

interface Claim {
  readonly frontend: FrontendText
  readonly key: ServiceKey
  readonly created: number
  readonly kind: Frontend['kind']
}

const NONE: readonly never[] = []

export function claimIndex(): ClaimIndex {
  const owners = new Map<FrontendText, Claim>()
  /** Of the few frontends that several claim, the owner first. */
  const contested = new Map<FrontendText, readonly Claim[]>()
  const byService = new Map<ServiceKey, readonly Claim[]>()

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
      const after = claimsOf(service)
      const wanted = new Map([...before.map(claim => [claim.frontend, undefined] as const), ...after])
      const affected = new Set<ServiceKey>()
      for (const [text, claim] of wanted) {
        const loser = owners.get(text)?.key
        replace(text, key, claim)
        const winner = owners.get(text)?.key
        if (winner === loser) continue
        for (const other of [loser, winner]) if (other !== undefined && other !== key) affected.add(other)
      }
      if (after.size > 0) byService.set(key, [...after.values()])
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

const SCOPES = ['cluster', 'external'] as const

function claimsOf(service: CompiledService | undefined): ReadonlyMap<FrontendText, Claim> {
  const made = new Map<FrontendText, Claim>()
  for (const port of service?.ports ?? []) {
    for (const frontend of port.frontends) {
      const { key, created } = service!
      // A clusterIP is served inside the cluster only, but nobody else may have it outside.
      const scopes = frontend.kind === 'clusterIP' ? SCOPES : [frontend.scope]
      for (const scope of scopes) {
        const text = frontendText(port, { ...frontend, scope })
        made.set(text, { frontend: text, key, created, kind: frontend.kind })
      }
    }
  }
  return made
}

function frontendText({ protocol }: Pick<CompiledPort, 'protocol'>, { address, port, scope }: Frontend): FrontendText {
  return `${hostPort(address, port)}/${protocol} ${scope}`
}

const FIELDS: Readonly<Record<Frontend['kind'], string>> = {
  clusterIP: 'spec.clusterIPs',
  externalIP: 'spec.externalIPs',
  loadBalancer: 'status.loadBalancer.ingress',
  nodePort: 'spec.ports[].nodePort',
}

function lost(text: FrontendText, [owner, ...losers]: readonly Claim[]): readonly string[] {
  const [frontend, scope] = text.split(' ')
  return losers.map(
    loser =>
      `Service ${loser.key}: ${FIELDS[loser.kind]}: ${frontend} (${scope}) belongs to Service ${owner!.key}, ` +
      `${reason(owner!, loser)}: change one of the two`,
  )
}

function reason(owner: Claim, loser: Claim): string {
  if (rank(owner) < rank(loser)) return 'which has it as clusterIP'
  return age(owner) < age(loser) ? 'which is older' : 'which has the greater name, and both are of the same age'
}
