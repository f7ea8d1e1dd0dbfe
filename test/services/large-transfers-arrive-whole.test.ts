// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { join } from 'node:path'
import type { Echoed } from './echo.ts'
import { type Cluster, prove, type Test } from './fixture.ts'
import { FAMILIES, service, UDP, vip } from './manifests.ts'

const BYTES = 50_000_000
const PORT = 9000
const ECHO = join(import.meta.dirname, 'echo.ts')
/** Payloads: within the MTU of 1500, in a few fragments, in many; the most that IPv6 and the server's head leave room for. */
const DATAGRAMS = [1000, 8000, 60_000]

const NEAR = { name: 'near', number: 1, pod: 'web-1' }
const FAR = { name: 'far', number: 2, pod: 'web-2' }

function only({ name, number, pod }: typeof NEAR) {
  const ports = [{ name: 'echo', port: 80, targetPort: PORT }, UDP]
  return service({ name, number, spec: { selector: { pod }, ports } })
}

/** Mean length of the packets of a Service port so far. */
function packetSize({ live }: Cluster, service: string): number {
  const [found] = live().filter(one => one.service === `default/${service}:echo/TCP`)
  return Number(found?.bytes) / Number(found?.packets)
}

async function tcp(t: Test, cluster: Cluster, { name, number, pod }: typeof NEAR): Promise<void> {
  const { lab, path } = cluster
  const server = lab.spawn(pod, [process.execPath, ECHO, 'server', String(PORT)])
  await once(server.stdout!, 'data')
  for (const family of FAMILIES) {
    const argv = [process.execPath, ECHO, 'client', vip(number, family), '80', String(BYTES)]
    const { code, stdout, stderr } = await lab.exec('client', argv)
    t.equal(code, 0, stderr)
    const { sent, received, bytes } = JSON.parse(stdout) as Echoed
    t.equal(bytes, BYTES, `${BYTES} bytes there and back over ${family}`)
    t.equal(received, sent, 'with the same SHA-256')
  }
  server.kill()
  if (path === 'packet')
    t.ok(packetSize(cluster, name) > 3000, `by GSO: ${packetSize(cluster, name).toFixed(0)} bytes a packet`)
}

async function udp(t: Test, { lab }: Cluster, { number, pod }: typeof NEAR): Promise<void> {
  const targets = FAMILIES.flatMap(family =>
    DATAGRAMS.map(
      size => ({ protocol: 'udp', address: vip(number, family), port: 80, size, count: 5, timeout: 1000 }) as const,
    ),
  )
  const outcomes = await lab.dial('client', ...targets)
  t.equal(outcomes.length, targets.length * 5)
  for (const [i, { address, size }] of targets.entries())
    for (const { pod: from, bytes, error } of outcomes.slice(i * 5, i * 5 + 5))
      t.match(
        { from, whole: Number(bytes) > size, error },
        { from: pod, whole: true, error: undefined },
        `${size} bytes to ${address}`,
      )
}

prove(
  {
    'TCP to a backend on the same node': (t, cluster) => tcp(t, cluster, NEAR),
    'TCP to a backend on another node': (t, cluster) => tcp(t, cluster, FAR),
    'datagrams and their answers, in fragments, on the same node': (t, cluster) => udp(t, cluster, NEAR),
    'datagrams and their answers, in fragments, to another node': (t, cluster) => udp(t, cluster, FAR),
  },
  { manifests: { only: [only(NEAR), only(FAR)] } },
)
