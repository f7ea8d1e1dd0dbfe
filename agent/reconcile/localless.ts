// SPDX-License-Identifier: Apache-2.0
/** Services with a Local policy that drop what they should serve: no endpoint here, though there are some elsewhere. For metrics. */
import type { Family } from '../address.ts'
import type { CompiledService } from '../compile/compiled.ts'
import type { ServiceKey } from '../objects.ts'

export const POLICIES = ['internal', 'external'] as const
export type PolicyKind = (typeof POLICIES)[number]
const FAMILIES: readonly Family[] = ['IPv4', 'IPv6']

export interface Localless {
  /** undefined: it is gone. */
  set(key: ServiceKey, service: CompiledService | undefined): void
  count(family: Family, policy: PolicyKind): number
}

export function createLocalless(): Localless {
  const all = FAMILIES.flatMap(family => POLICIES.map(policy => ({ family, policy, services: new Set<ServiceKey>() })))
  return {
    set(key, service) {
      for (const { family, policy, services } of all)
        if (service && isLocalless(service, family, policy)) services.add(key)
        else services.delete(key)
    },
    count: (family, policy) => all.find(one => one.family === family && one.policy === policy)!.services.size,
  }
}

function isLocalless({ ports }: CompiledService, family: Family, policy: PolicyKind): boolean {
  return ports.some(({ frontends, backends }) =>
    frontends.some(
      ({ kind, address, pool, onEmpty, policy: rule }) =>
        rule === 'Local' &&
        onEmpty === 'drop' &&
        (kind === 'clusterIP') === (policy === 'internal') &&
        address.includes(':') === (family === 'IPv6') &&
        !backends.some(({ pools }) => pools & (1 << pool)),
    ),
  )
}
