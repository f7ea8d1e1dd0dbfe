// SPDX-License-Identifier: Apache-2.0
/** The rules of the API server that tie two fields of a Service together (ValidateService). */
import { familyOf } from './address.ts'
import { type Issue, show } from './issue.ts'
import type { RawService } from './service.ts'

type Spec = RawService['spec']

export function checkService({ spec }: RawService): readonly Issue[] {
  return [...checkPorts(spec), ...checkClusterIPs(spec), ...checkFamilies(spec), ...checkType(spec)]
}

/** The addresses as given: compile/ and the allocation see ["None"] for headless, [] for none. */
export function givenClusterIPs(spec: Spec): readonly string[] {
  if (spec.type === 'ExternalName') return []
  const list = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])
  return list.filter(ip => ip !== '')
}

function issue(path: (string | number)[], message: string): Issue {
  return { path: ['spec', ...path], message }
}

function checkPorts(spec: Spec): readonly Issue[] {
  const ports = spec.ports ?? []
  const headless = givenClusterIPs(spec).includes('None')
  if (ports.length === 0 && spec.type !== 'ExternalName' && !headless) {
    return [issue(['ports'], 'is empty: give one port at least')]
  }
  const issues: Issue[] = []
  const names = firstUse(ports.map(port => port.name || undefined))
  const dialled = firstUse(ports.map(port => `${port.port}/${port.protocol ?? 'TCP'}`))
  const nodes = firstUse(ports.map(port => port.nodePort && `${port.nodePort}/${port.protocol ?? 'TCP'}`))
  for (const [i, port] of ports.entries()) {
    if (ports.length > 1 && !port.name) issues.push(issue(['ports', i, 'name'], UNNAMED))
    const twice = (field: string, value: unknown, first: number | undefined) => {
      if (first !== undefined) issues.push(issue(['ports', i, field], duplicate(value, first)))
    }
    twice('name', port.name, names[i])
    twice('port', dialledText(port), dialled[i])
    twice('nodePort', port.nodePort, nodes[i])
  }
  return issues
}

const UNNAMED = 'is missing: each of several ports needs a name'

function dialledText(port: { readonly port: number; readonly protocol?: string | null | undefined }): string {
  return `${port.port}/${port.protocol ?? 'TCP'}`
}

function duplicate(value: unknown, first: number): string {
  const text = typeof value === 'string' && /^\d/.test(value) ? value : show(value)
  return `${text} is in spec.ports[${first}] already: each port of a Service needs its own`
}

/** For each value the index of an earlier equal one; undefined for the first, and for values that are absent. */
function firstUse(values: readonly unknown[]): readonly (number | undefined)[] {
  return values.map((value, i) => {
    const first = value ? values.indexOf(value) : i
    return first < i ? first : undefined
  })
}

function checkClusterIPs(spec: Spec): readonly Issue[] {
  const { clusterIP, clusterIPs, type } = spec
  const given = givenClusterIPs(spec)
  const issues: Issue[] = []
  if (clusterIP && clusterIPs && clusterIPs.length > 0 && clusterIPs[0] !== clusterIP) {
    issues.push(issue(['clusterIPs', 0], `is not the same as spec.clusterIP (${clusterIP}): make them equal`))
  }
  if (given.includes('None') && (type === 'NodePort' || type === 'LoadBalancer')) {
    issues.push(issue(['clusterIP'], `"None" is not for type ${type}: leave it out, or make the type ClusterIP`))
  }
  if (given.length > 2 || (given.length === 2 && new Set(given.map(familyOf)).size < 2)) {
    issues.push(issue(['clusterIPs'], 'may hold one IPv4 and one IPv6 address, no more: remove the others'))
  }
  return issues
}

function checkFamilies(spec: Spec): readonly Issue[] {
  const families = spec.ipFamilies ?? []
  const issues: Issue[] = []
  if (new Set(families).size < families.length) issues.push(issue(['ipFamilies'], 'names a family twice'))
  if (families.length > 1 && spec.ipFamilyPolicy === 'SingleStack') {
    issues.push(issue(['ipFamilyPolicy'], 'SingleStack with two ipFamilies: use PreferDualStack, or one family'))
  }
  for (const [i, ip] of givenClusterIPs(spec).entries()) {
    const family = families[i]
    if (ip !== 'None' && family !== undefined && familyOf(ip) !== family) {
      issues.push(issue(['clusterIPs', i], `${ip} is not ${family}, which spec.ipFamilies[${i}] asks for`))
    }
  }
  return issues
}

/** Fields that only some types of Service may have. */
function checkType(spec: Spec): readonly Issue[] {
  const type = spec.type ?? 'ClusterIP'
  const balanced = type === 'LoadBalancer'
  const external = balanced || type === 'NodePort' || (spec.externalIPs ?? []).length > 0
  const issues: Issue[] = []
  const onlyFor = (wrong: boolean, path: (string | number)[], who: string) => {
    if (wrong) issues.push(issue(path, `is only for ${who}: remove it, or change that`))
  }
  for (const [i, port] of (spec.ports ?? []).entries()) {
    const wrong = Boolean(port.nodePort) && type !== 'NodePort' && !balanced
    onlyFor(wrong, ['ports', i, 'nodePort'], 'type NodePort or LoadBalancer')
  }
  const outside = 'type NodePort or LoadBalancer, or with externalIPs'
  onlyFor(Boolean(spec.externalTrafficPolicy) && !external, ['externalTrafficPolicy'], outside)
  onlyFor((spec.loadBalancerSourceRanges ?? []).length > 0 && !balanced, ['loadBalancerSourceRanges'], LB)
  onlyFor(spec.allocateLoadBalancerNodePorts != null && !balanced, ['allocateLoadBalancerNodePorts'], LB)
  const checked = balanced && spec.externalTrafficPolicy === 'Local'
  onlyFor(
    Boolean(spec.healthCheckNodePort) && !checked,
    ['healthCheckNodePort'],
    `${LB} with externalTrafficPolicy Local`,
  )
  const affinity = spec.sessionAffinity === 'ClientIP'
  onlyFor(
    spec.sessionAffinityConfig?.clientIP != null && !affinity,
    ['sessionAffinityConfig'],
    'sessionAffinity ClientIP',
  )
  return issues
}

const LB = 'type LoadBalancer'
