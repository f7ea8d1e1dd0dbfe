// SPDX-License-Identifier: Apache-2.0
/** A lab in which a Service works by some means, or in which its backend is dialled directly. */
import type { Lab } from '../lab/lab.ts'
import { upLab } from '../lab/up.ts'
import { type Kind, startExchange, type Timing } from './exchange.ts'
import { SERVICE_RANGES } from './many-services.ts'
import { type Means, NODE } from './means.ts'
import { CLIENT, POD_PORT, type Scene, SERVER } from './peer-scene.ts'
import { type Load, runWrk } from './wrk.ts'

export interface Site {
  readonly means: Means
  /** Has so many Services, those before gone. */
  readonly serve: (services: number) => Promise<void>
  readonly ask: (kind: Kind, count: number) => Promise<Timing>
  /** Requests a second, and microseconds of CPU each. */
  readonly load: (load: Load) => Promise<{ readonly perSecond: number; readonly cpu: number }>
  readonly down: () => Promise<void>
}

export async function upSite(name: string, scene: Scene, means: Means): Promise<Site> {
  const { topology, manifests } = scene
  const agents = means.config ? { config: { ...SERVICE_RANGES, ...means.config } } : { agents: false }
  const lab = await upLab({ name, topology, manifests, ...agents })
  if (means.config) for (const { name } of lab.plan.nodes) await lab.stopAgent(name)
  const { ask, used } = await startExchange(lab, CLIENT, [SERVER], [POD_PORT])
  const to = means.isDirect ? { address: lab.address(SERVER), port: POD_PORT } : scene.service(lab)
  return {
    means,
    async serve(services) {
      await means.serve(lab, services - 1, scene.tested(lab))
      if (means.xdp) await checkXdp(lab)
    },
    ask: (kind, count) => ask(kind, SERVER, to, count),
    async load(load) {
      const before = used(CLIENT, SERVER)
      const { perSecond, requests } = await runWrk(lab, CLIENT, `http://${to.address}:${to.port}/`, load)
      return { perSecond, cpu: (used(CLIENT, SERVER) - before) / requests }
    },
    down: () => lab.down(),
  }
}

/** Of the kernel's XDP_ATTACHED_* (linux/if_link.h). */
const NATIVE = 1

/** What is called XDP in a report has to be that. */
async function checkXdp(lab: Lab): Promise<void> {
  const [uplink] = lab.plan.nodes[0]!.uplinks
  const { stdout } = await lab.exec(NODE, ['ip', '-json', 'link', 'show', uplink!.device])
  const [device] = JSON.parse(stdout) as { readonly xdp?: { readonly mode: number } }[]
  if (device?.xdp?.mode !== NATIVE) throw new Error(`${NODE}'s ${uplink!.device} has no native XDP program: ${stdout}`)
}
