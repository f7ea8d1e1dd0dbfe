// SPDX-License-Identifier: Apache-2.0
/** The addresses at which a Service asks to be dialled, read and sorted by family. */

import { type Address, FAMILIES, type Family, isUnspecified, parseAddress, specialKind } from '../address.ts'
import type { Service } from '../objects.ts'
import type { CompileContext } from './context.ts'
import type { Warn } from './warnings.ts'

export interface Vips {
  readonly family: Family
  /** One at least: without, the Service has nothing in this family. */
  readonly clusterIPs: readonly string[]
  readonly externalIPs: readonly string[]
  readonly loadBalancer: readonly string[]
}

/** For each family that is served here and in which the Service has a clusterIP (kube-proxy's serviceToServiceMap). */
export function vipsOf(service: Service, context: CompileContext, warn: Warn): readonly Vips[] {
  const clusterIPs = readAll(service.clusterIPs, i => `spec.clusterIPs[${i}]`, isUsable, warn)
  const externalIPs = readExternalIPs(service, context, warn)
  const ingress = service.loadBalancer.map(({ ip, ipMode }) => (ipMode === 'VIP' ? ip : ''))
  const loadBalancer = readAll(ingress, i => `status.loadBalancer.ingress[${i}].ip`, isDialable, warn)
  const own = FAMILIES.filter(family => clusterIPs.some(address => address?.family === family))
  warnOtherFamily(externalIPs, own, warn)
  return own
    .filter(family => context.families?.includes(family) ?? true)
    .map(family => ({
      family,
      clusterIPs: textsOf(clusterIPs, family),
      externalIPs: textsOf(externalIPs, family),
      loadBalancer: textsOf(loadBalancer, family),
    }))
}

const NONE: readonly never[] = []

type Check = (address: Address) => string | undefined
/** Undefined where the text at this index was none that can be used. */
type ReadAddresses = readonly (Address | undefined)[]

/** Empty texts are skipped: an ingress may have a host name only, or be a proxy that sends to nodePorts. */
function readAll(texts: readonly string[], field: (i: number) => string, check: Check, warn: Warn): ReadAddresses {
  if (texts.length === 0) return NONE
  return texts.map((text, i) => {
    if (text === '') return undefined
    const address = parseAddress(text)
    const wrong = address ? check(address) : 'not an IPv4 or IPv6 address'
    if (wrong) warn(field(i), `"${text}" is ${wrong}: it is left out`)
    return wrong ? undefined : address
  })
}

/** Whoever may write a Service can take any address with them, of another Service or of the world (CVE-2020-8554). */
function readExternalIPs({ externalIPs }: Service, { externalIPs: served = true }: CompileContext, warn: Warn) {
  if (served) return readAll(externalIPs, i => `spec.externalIPs[${i}]`, isDialable, warn)
  if (externalIPs.length > 0)
    warn(
      'spec.externalIPs',
      `${externalIPs.join(', ')}: not served here, the agent's configuration says externalIPs: false`,
    )
  return []
}

/** As a frontend the unspecified address means every address of the node. */
function isUsable(address: Address): string | undefined {
  return isUnspecified(address) ? 'the unspecified address' : undefined
}

function isDialable(address: Address): string | undefined {
  return isUsable(address) ?? specialKind(address)
}

function warnOtherFamily(addresses: ReadAddresses, own: readonly Family[], warn: Warn): void {
  if (own.length === 0) return
  for (const [i, address] of addresses.entries()) {
    if (address === undefined || own.includes(address.family)) continue
    const what = `"${address.text}" is ${address.family}, in which the Service has no clusterIP: it is left out`
    warn(`spec.externalIPs[${i}]`, what)
  }
}

function textsOf(addresses: ReadAddresses, family: Family): readonly string[] {
  if (addresses.length === 0) return NONE
  // One is most frequent, and an array of one is far less than what a list grows to.
  const [first] = addresses
  if (addresses.length === 1) return first?.family === family ? [first.text] : NONE
  const texts = addresses.filter(address => address?.family === family).map(address => address!.text)
  return texts.filter((text, i) => texts.indexOf(text) === i)
}
