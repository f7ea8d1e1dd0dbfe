// SPDX-License-Identifier: Apache-2.0
/** A Service with its slices, compiled for one node. Each family decides by itself, as kube-proxy's two proxiers do. */

import type { Family } from '../address.ts'
import { keyOf, type Service, type ServicePort, type ServiceView } from '../objects.ts'
import { backendsOf } from './backends.ts'
import type { ClaimingService } from './claims.ts'
import type { CompiledPort, CompiledService, ServicePortName } from './compiled.ts'
import type { CompileContext } from './context.ts'
import { eligible } from './eligible.ts'
import { candidatesOf, type ReadSlice, readSlices } from './endpoints.ts'
import { type Forwarding, forwardingOf } from './forwarding.ts'
import { frontendsOf } from './frontends.ts'
import { usablePorts } from './ports.ts'
import { sourceRangesOf } from './source-ranges.ts'
import { type Vips, vipsOf } from './vips.ts'
import { type Warn, warningsOf } from './warnings.ts'

const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name'
const HEADLESS_LABEL = 'service.kubernetes.io/headless'

/** Pure. What can't be used is left out with a warning; a Service that is not ours has no ports. */
export function compileService(view: ServiceView, context: CompileContext): CompiledService {
  const { service } = view
  const key = keyOf(service.namespace, service.name)
  const { warn, all: warnings } = warningsOf(key)
  const ports = isServed(service, context.serviceProxyName) ? compilePorts(view, context, warn) : []
  return { key, created: service.created, ports, warnings }
}

/** What a Service asks for, whatever its endpoints are. */
export function claimsOfService(service: Service, context: CompileContext): ClaimingService {
  const ports = isServed(service, context.serviceProxyName) ? usablePorts(service, ignore) : []
  const vips = ports.length > 0 ? vipsOf(service, context, ignore) : []
  return {
    created: service.created,
    ports: ports.map(port => ({
      protocol: port.protocol,
      frontends: vips.flatMap(vip => frontendsOf(service, port, vip, { anywhere: false, forwarding: 'snat' })),
    })),
  }
}

/** Whoever compiles the Service is warned. */
const ignore: Warn = () => undefined

/** Whether it is this proxy's. */
export function isServed({ type, labels, clusterIPs }: Service, serviceProxyName: string): boolean {
  if (type === 'ExternalName' || clusterIPs.length === 0 || clusterIPs.includes('None')) return false
  const proxy = labels[PROXY_NAME_LABEL]
  return proxy === undefined || (serviceProxyName !== '' && proxy === serviceProxyName)
}

/**
 * The headless label asks that nobody serves the Service. Its frontends stay and refuse, so that clients learn it at once: as in
 * kube-proxy from 1.35 on, which takes the label to be about slices (kubernetes#134623).
 */
export function slicesOf(view: ServiceView, families: readonly Family[], warn: Warn): readonly ReadSlice[] {
  return view.service.labels[HEADLESS_LABEL] === undefined ? readSlices(view, families, warn) : []
}

function compilePorts(view: ServiceView, context: CompileContext, warn: Warn): readonly CompiledPort[] {
  const vips = vipsOf(view.service, context, warn)
  const families = vips.map(({ family }) => family)
  const slices = slicesOf(view, families, warn)
  const sourceRanges = sourceRangesOf(view.service, warn)
  const forwarding = forwardingOf(view.service, context.dsr ?? false, warn)
  return usablePorts(view.service, warn).map(port => ({
    ...compilePort(view.service, port, { vips, slices, forwarding }, context),
    ...(sourceRanges && { sourceRanges }),
  }))
}

interface OfService {
  readonly vips: readonly Vips[]
  readonly slices: readonly ReadSlice[]
  readonly forwarding: Forwarding
}

function compilePort(
  service: Service,
  port: ServicePort,
  { vips, slices, forwarding }: OfService,
  context: CompileContext,
): CompiledPort {
  const { nodeName, node } = context
  const place = { nodeName, zone: node?.zone ?? '' }
  const halves = vips.map(vip => {
    const candidates = candidatesOf(slices, { ...port, family: vip.family }, nodeName)
    const serving = eligible(candidates, place)
    const frontends = frontendsOf(service, port, vip, { anywhere: serving.anywhere, forwarding })
    return { frontends, backends: backendsOf(candidates, serving, frontends), family: vip.family }
  })
  return {
    name: portName(service, port),
    port: port.name,
    protocol: port.protocol,
    affinitySeconds: service.affinitySeconds,
    backends: halves.flatMap(({ backends }) => backends),
    frontends: halves.flatMap(({ frontends }) => frontends),
  }
}

function portName({ namespace, name }: Service, port: ServicePort): ServicePortName {
  const ofPort = port.name === '' ? name : `${name}:${port.name}`
  return [namespace, ofPort, port.protocol].join('/')
}
