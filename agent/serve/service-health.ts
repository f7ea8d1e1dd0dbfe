// SPDX-License-Identifier: Apache-2.0
/**
 * healthCheckNodePort: whether a load balancer should send a Service's traffic to this node. A server for each Service of type
 * LoadBalancer with externalTrafficPolicy Local, which opens, moves and closes with the Service. The answer is kube-proxy's.
 */
import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import { parseAddress } from '../address.ts'
import { isServed } from '../compile/service.ts'
import type { ServiceKey, ServiceView } from '../objects.ts'
import { newOnes } from '../reconcile/driver.ts'
import { countFor, type LocalEndpoints, localEndpoints } from './local-endpoints.ts'
import { type Answer, jsonAnswer, localAddress, type ProbeServer, serveProbes } from './probe-server.ts'

export interface ServiceHealth {
  /** Services that changed; undefined: gone. */
  update(services: ReadonlyMap<ServiceKey, ServiceView | undefined>): void
  close(): void
}

export interface ServiceHealthOptions {
  readonly nodeName: string
  readonly serviceProxyName: string
  /** Whether changes get into the maps; the node's own state is no matter here. */
  readonly healthy: () => boolean
  /** Which of the node's addresses answer; default all. */
  readonly serves?: ((localAddress: string) => boolean) | undefined
  readonly log: Logger
  readonly retryMs?: number
}

/** A Service that has a health check. */
interface Checked {
  readonly key: ServiceKey
  readonly namespace: string
  readonly name: string
  readonly created: number
  readonly port: number
  readonly endpoints: LocalEndpoints
}

interface Held {
  readonly key: ServiceKey
  readonly server: ProbeServer
}

export function serveServiceHealth(options: ServiceHealthOptions): ServiceHealth {
  const { healthy, serves, log, retryMs } = options
  const checked = new Map<ServiceKey, Checked>()
  /** By port. */
  const held = new Map<number, Held>()
  const portOf = new Map<ServiceKey, number>()
  /** Their port is another Service's. */
  const losers = new Set<ServiceKey>()
  const fresh = newOnes()

  function release(key: ServiceKey): void {
    const port = portOf.get(key)
    if (port === undefined || checked.get(key)?.port === port) return
    held.get(port)?.server.close()
    held.delete(port)
    portOf.delete(key)
  }

  function hold({ key, port }: Checked): void {
    const what = `Service ${key}: healthCheckNodePort ${port}`
    const advice = 'Load balancers take this node for dead until the port is free'
    const answer = (request: IncomingMessage) => answerFor(checked.get(key), request, healthy())
    const at = { host: undefined, port }
    held.set(port, { key, server: serveProbes({ what, advice, at, answer, serves, log, retryMs }) })
    portOf.set(key, port)
  }

  /** The first to have a port keeps it; of several that come at once the oldest has it. */
  function claim(keys: Iterable<ServiceKey>): void {
    for (const service of [...keys].flatMap(key => checked.get(key) ?? []).sort(byAge)) {
      const holder = held.get(service.port)
      losers.delete(service.key)
      if (holder === undefined) hold(service)
      else if (holder.key !== service.key) losers.add(service.key)
    }
  }

  function conflicts(): string[] {
    return [...losers].map(key => {
      const { port } = checked.get(key)!
      return `Service ${key}: healthCheckNodePort ${port} is that of Service ${held.get(port)?.key}: give one of them another`
    })
  }

  return {
    update(services) {
      for (const [key, view] of services) {
        const service = view && checkedService(key, view, options)
        if (service) checked.set(key, service)
        else checked.delete(key)
        losers.delete(key)
      }
      for (const key of services.keys()) release(key)
      claim(new Set([...services.keys(), ...losers]))
      for (const line of fresh(conflicts())) log.error(line)
    },
    close() {
      for (const { server } of held.values()) server.close()
    },
  }
}

function checkedService(key: ServiceKey, view: ServiceView, options: ServiceHealthOptions): Checked | undefined {
  const { service } = view
  const { namespace, name, created, type, externalTrafficPolicy, healthCheckNodePort: port } = service
  if (type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local' || port === 0) return undefined
  if (!isServed(service, options.serviceProxyName)) return undefined
  return { key, namespace, name, created, port, endpoints: localEndpoints(view, options.nodeName) }
}

/** Where it is not known when a Service was made, those come first of which it is. */
function byAge(a: Checked, b: Checked): number {
  return (a.created || Number.MAX_SAFE_INTEGER) - (b.created || Number.MAX_SAFE_INTEGER) || (a.key < b.key ? -1 : 1)
}

/** Every path is answered: load balancers ask for /, /healthz or what their makers thought of. */
function answerFor(service: Checked | undefined, request: IncomingMessage, healthy: boolean): Answer {
  const asked = parseAddress(localAddress(request.socket))?.family
  const count = service === undefined ? 0 : countFor(service.endpoints, asked)
  const body = {
    service: { namespace: service?.namespace, name: service?.name },
    localEndpoints: count,
    serviceProxyHealthy: healthy,
  }
  return jsonAnswer(count > 0 && healthy, body, { 'X-Load-Balancing-Endpoint-Weight': String(count) })
}
