// SPDX-License-Identifier: Apache-2.0
/** Very many Services, as a real cluster has them: half of each object is of no use to us. */
import { type ApiObject, service, slice } from '../test/kubernetes/objects.ts'
import type { Client } from './client.ts'

export const ENDPOINTS = 10
const PREFIX = 'load-'
/** Creates at a time. */
const PARALLEL = 16

export function isLoad(name: string): boolean {
  return name.startsWith(PREFIX)
}

export function loadName(number: number): string {
  return `${PREFIX}${number}`
}

/** Numbers from 0 to 65,535. */
function loadService(number: number): ApiObject {
  const ip = `10.97.${number >> 8}.${number & 255}`
  const ports = [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }]
  return service(loadName(number), { clusterIP: ip, clusterIPs: [ip], ports, selector: { app: loadName(number) } })
}

/** `generation` of 1 and on puts another endpoint into the place of one. */
export function loadSlice(number: number, generation = 0): ApiObject {
  const changed = generation % ENDPOINTS
  const endpoints = Array.from({ length: ENDPOINTS }, (_, i) => ({
    addresses: [generation > 0 && i === changed ? replacement(generation) : loadAddress(number, i)],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `worker-${(number + i) % 200}.example.internal`,
    targetRef: {
      kind: 'Pod',
      name: `${loadName(number)}-7d4b9c6f5d-${i}`,
      namespace: 'default',
      uid: `${number}-${i}`,
    },
    zone: `zone-${i % 3}`,
  }))
  return slice(`${loadName(number)}-1`, [], { endpoints, ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] })
}

export function loadAddress(number: number, endpoint: number): string {
  return `10.${128 + endpoint}.${number >> 8}.${number & 255}`
}

function replacement(generation: number): string {
  return `10.200.${generation >> 8}.${generation & 255}`
}

/** Creates so many, each with its slice; `onProgress` hears how many there are after each thousand. */
export async function createLoad(client: Client, count: number, onProgress: (done: number) => void): Promise<void> {
  let next = 0
  let done = 0
  const worker = async () => {
    while (next < count) {
      const number = next++
      await Promise.all([client.put(loadService(number)), client.put(loadSlice(number))])
      if (++done % 1_000 === 0) onProgress(done)
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
}
