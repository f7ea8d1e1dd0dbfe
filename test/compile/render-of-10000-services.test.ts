// SPDX-License-Identifier: Apache-2.0
/** A folder of 10,000 Services with 10 endpoints each is rendered in under 5 s and 600 MB. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { evenkeel, parseRows, withFolder } from './command.ts'
import type { Usage } from './usage.ts'

const SERVICES = 10_000
const ENDPOINTS = 10
const PER_FOLDER = 1_000

function manifest(i: number): string {
  const ip = `10.96.${(i >> 8) + 1}.${i & 255}`
  const endpoint = (k: number) => {
    const n = i * ENDPOINTS + k
    const address = `10.${128 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`
    return `  - addresses: [${address}]\n    conditions:\n      ready: true\n    nodeName: node${k % 3}\n`
  }
  return `apiVersion: v1
kind: Service
metadata:
  name: svc-${i}
  namespace: many
spec:
  clusterIP: ${ip}
  ports:
    - name: http
      port: 80
      targetPort: 8080
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: svc-${i}-1
  namespace: many
  labels:
    kubernetes.io/service-name: svc-${i}
addressType: IPv4
ports:
  - name: http
    port: 8080
endpoints:
${Array.from({ length: ENDPOINTS }, (_, k) => endpoint(k)).join('')}`
}

function write(folder: string): void {
  for (let i = 0; i < SERVICES; i++) {
    const part = join(folder, String(Math.floor(i / PER_FOLDER)))
    if (i % PER_FOLDER === 0) mkdirSync(part)
    writeFileSync(join(part, `svc-${i}.yaml`), manifest(i))
  }
}

t.test('a file each', t =>
  withFolder(async folder => {
    write(folder)
    const preload = `--import=${new URL('usage.ts', import.meta.url)}`
    const command = ['render', '-f', folder, '--node', 'node0', '-o', 'json']
    const outcome = await evenkeel(command, '', { NODE_OPTIONS: preload })
    t.equal(outcome.code, 0)
    const rows = parseRows(outcome)
    t.equal(rows.length, SERVICES)
    t.ok(rows.every(({ backends }) => backends.length === ENDPOINTS))
    const { cpu, wall, maxRSS } = JSON.parse(outcome.stderr.trim().split('\n').at(-1)!) as Usage
    // CPU seconds: the wall's depend on what else runs here.
    t.ok(cpu < 5, `${wall.toFixed(2)} s, ${cpu.toFixed(2)} CPU seconds`)
    t.ok(maxRSS < 600e6, `${(maxRSS / 1e6).toFixed(0)} MB resident`)
  }),
)
