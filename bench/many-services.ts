// SPDX-License-Identifier: Apache-2.0
/** Manifests of very many Services, each with one endpoint that nobody calls, as JSON: the agent reads that fastest. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const PER_FILE = 1_000

/** Of the agents' configuration: room for 65,536 and more. */
export const SERVICE_RANGES = { serviceCIDRs: ['10.96.0.0/12', 'fd00:96::/112'] }

/** Numbers from 0 on: within 10.97.0.0/16 and so on, out of the way of the Services that are tested. */
function address(network: number, number: number): string {
  return `10.${network + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`
}

export function manyVip(number: number): string {
  return address(97, number)
}

export function manyBackend(number: number): string {
  return address(128, number)
}

function* objects(number: number): Generator<object> {
  const metadata = { name: `many-${number}`, namespace: 'many' }
  const port = { name: 'http', port: 80, targetPort: 8080 }
  yield { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: manyVip(number), ports: [port] } }
  yield {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': metadata.name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: [{ addresses: [manyBackend(number)], conditions: { ready: true }, nodeName: 'elsewhere' }],
  }
}

export function writeServices(folder: string, count: number): void {
  for (let from = 0; from < count; from += PER_FILE) {
    const numbers = Array.from({ length: Math.min(PER_FILE, count - from) }, (_, i) => from + i)
    const text = numbers.flatMap(number => [...objects(number)].map(object => JSON.stringify(object))).join('\n---\n')
    writeFileSync(join(folder, `many-${from / PER_FILE}.yaml`), text)
  }
}
