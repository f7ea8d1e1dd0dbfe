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
  serve(backends: readonly Endpoint[]): void
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
  const program = object.programFd('tc_pod_ingress')
  const out = Buffer.alloc(4_096)

  function send(client: number, flags: string): Backend {
    const source = { address: `10.1.${client >> 8}.${client & 255}`, port: 40_000 }
    const data = frameBetween(TCP4, source, TCP4.vip, { flags })
    const { errno } = bridge.testRun(program, { data, dataOut: out, flags: 0 })
    if (errno < 0) throw new Error(`can't run tc_pod_ingress: errno ${-errno}`)
    return out.toString('hex', DESTINATION, DESTINATION + 4)
  }

  const sendAll = (clients: number, flags: string) => Array.from({ length: clients }, (_, i) => send(i, flags))
  return {
    serve: backends => void maps.apply(new Map([[KEY, service(backends)]]), true),
    connect: clients => sendAll(clients, 'S'),
    goOn: clients => sendAll(clients, 'A'),
    close() {
      bridge.close(program)
      dataplane.close()
      object.close()
    },
  }
}

const KEY = 'bench/web'

function service(endpoints: readonly Endpoint[]): CompiledService {
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
  const backends = endpoints.map(endpoint => ({ ...endpoint, pools: 1, local: false }))
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
