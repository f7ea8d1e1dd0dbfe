// SPDX-License-Identifier: Apache-2.0
/** One Service in the agent's own maps, written by its reconciler, and TCP connections to it through the real program. */
import { join } from 'node:path'
import type { CompiledService } from '../agent/compile/compiled.ts'
import { bridge } from '../agent/kernel/bridge.ts'
import { loadObject } from '../agent/kernel/objects.ts'
import { pinFolder } from '../agent/kernel/pins.ts'
import { dataplaneOf } from '../agent/reconcile/dataplane.ts'
import { reconciler } from '../agent/reconcile/reconciler.ts'
import { frameBetween, TCP4 } from '../test/bpf/cases.ts'

interface Endpoint {
  readonly address: string
  readonly port: number
}

/** An address of IPv4, in hexadecimal. */
type Backend = string

export interface ServedDataplane {
  /** Addresses, each with the port of all. */
  serve(backends: readonly string[]): void
  /** So many new connections: where each is led. */
  connect(clients: number): readonly Backend[]
  /** The next packet of each of these. */
  goOn(clients: number): readonly Backend[]
  close(): void
}

const OBJECT = join(import.meta.dirname, '../bpf/build/tc.bpf.o')
/** Of an IPv4 header without options, behind Ethernet. */
const DESTINATION = 14 + 16

export function servedDataplane(folder: string): ServedDataplane {
  const settings = { eventSample: 0, netnsCookie: 0n, masquerade: 0 }
  const object = loadObject({ file: OBJECT, folder: pinFolder(folder), settings, sizes: { flows: 65_536 } })
  const dataplane = dataplaneOf(object)
  const maps = reconciler(dataplane)
  const [ingress, egress] = [object.programFd('tc_pod_ingress'), object.programFd('tc_pod_egress')]
  const out = Buffer.alloc(4_096)

  function run(program: number, data: Buffer): void {
    const { errno } = bridge.testRun(program, { data, dataOut: out, flags: 0 })
    if (errno < 0) throw new Error(`can't run a packet through tc: errno ${-errno}`)
  }

  function send(client: number, flags: string): Backend {
    run(ingress, frameBetween(TCP4, clientOf(client), TCP4.vip, { flags }))
    return out.toString('hex', DESTINATION, DESTINATION + 4)
  }

  /** What has no answer yet is no connection. */
  function connect(client: number): Backend {
    const backend = send(client, 'S')
    const from = { address: Buffer.from(backend, 'hex').join('.'), port: PORT }
    run(egress, frameBetween(TCP4, from, clientOf(client), { flags: 'SA' }))
    return backend
  }

  const each = (clients: number, one: (client: number) => Backend) => Array.from({ length: clients }, (_, i) => one(i))
  return {
    serve: backends => void maps.apply(new Map([[KEY, service(backends)]]), true),
    connect: clients => each(clients, connect),
    goOn: clients => each(clients, client => send(client, 'A')),
    close() {
      for (const program of [ingress, egress]) bridge.close(program)
      dataplane.close()
      object.close()
    },
  }
}

const KEY = 'bench/web'
/** Of all backends. */
const PORT = 8_080

function clientOf(client: number): Endpoint {
  return { address: `10.1.${client >> 8}.${client & 255}`, port: 40_000 }
}

function service(addresses: readonly string[]): CompiledService {
  const { address, port } = TCP4.vip
  const frontend = {
    address,
    port,
    scope: 'cluster',
    kind: 'clusterIP',
    policy: 'Cluster',
    pool: 0,
    onEmpty: 'refuse',
  } as const
  const backends = addresses.map(at => ({ address: at, port: PORT, pools: 1, local: false }))
  const web = {
    name: `${KEY}/TCP`,
    port: '',
    protocol: 'TCP',
    affinitySeconds: 0,
    backends,
    frontends: [frontend],
  } as const
  return { key: KEY, created: 0, ports: [web], warnings: [] }
}
