// SPDX-License-Identifier: Apache-2.0
/** One node's agent: from a source of objects to the kernel, for as long as it runs. */
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { CompileContext } from './compile/context.ts'
import type { Config } from './config.ts'
import { type Network, type NetworkWatch, watchNetwork } from './kernel/network.ts'
import { type LoadedObject, loadObject } from './kernel/objects.ts'
import { type PinFolder, pinFolder } from './kernel/pins.ts'
import type { Node } from './objects.ts'
import { type Dataplane, dataplaneOf } from './reconcile/dataplane.ts'
import { createDriver, type Driver, newOnes } from './reconcile/driver.ts'
import { syncNodeAddresses } from './reconcile/node-addresses.ts'
import { type PodDevices, podDevices } from './reconcile/pod-devices.ts'
import type { Problem, Source, SourceEvents } from './source/source.ts'

const OBJECT = fileURLToPath(new URL('../bpf/build/tc.bpf.o', import.meta.url))

export interface AgentOptions {
  readonly config: Config
  readonly source: Source
  readonly log: Logger
  /** Called once, when everything has synced and the maps say it. */
  readonly onReady: () => void
  /** Called when the agent can't go on. What is in the kernel goes on serving. */
  readonly onFatal: (error: Error) => void
}

export interface Agent {
  /** Leaves maps and programs as they are. */
  stop(): Promise<void>
}

/** Rejects when it can't begin: no rights, an unreadable folder, maps of another layout. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { config, source, log, onFatal } = options
  const folder = pinFolder(config.bpffs)
  const object = load(config, folder, log)
  const dataplane = dataplaneOf(object)
  const driver = createDriver(dataplane, node => contextOf(config, node), log)
  const network = followNetwork(options, dataplane, devicesOf(object, folder, config))
  log.info({ services: driver.services, newMaps: object.made.length }, 'maps opened')
  await source.start(events(options, driver, network))
  const timer = setInterval(() => {
    driver.sweep(config.timeouts).then(result => log.debug(result, 'swept'), onFatal)
  }, config.sweepSeconds * 1_000)
  return {
    async stop() {
      clearInterval(timer)
      network.watch.stop()
      await source.stop()
      dataplane.close()
      object.close()
    },
  }
}

function load(config: Config, folder: PinFolder, log: Logger): LoadedObject {
  const { sizes, eventSample } = config
  const object = loadObject({
    file: OBJECT,
    folder,
    settings: { eventSample, netnsCookie: 0n },
    sizes: { ...sizes, counters: sizes.services },
  })
  for (const note of object.notes) log.warn(note)
  return object
}

function devicesOf(object: LoadedObject, folder: PinFolder, config: Config): PodDevices {
  const programs = { ingress: object.programFd('tc_pod_ingress'), egress: object.programFd('tc_pod_egress') }
  return podDevices(folder, programs, config.podDevices)
}

interface FollowedNetwork {
  readonly watch: NetworkWatch
  /** Addresses are written before Services are published, programs attached after. */
  readonly syncAddresses: () => void
  readonly syncDevices: () => void
  /** From now on both follow by themselves. */
  readonly begin: () => void
}

function followNetwork(
  { config, log, onFatal }: AgentOptions,
  dataplane: Dataplane,
  devices: PodDevices,
): FollowedNetwork {
  const fresh = newOnes()
  let following = false
  const addresses = (network: Network) => syncNodeAddresses(dataplane, network.addresses, config.nodePortAddresses)
  const programs = (network: Network) => {
    for (const failure of fresh(devices.sync(network.devices.values()))) log.error(failure)
  }
  const watch = watchNetwork({
    onChange: network => {
      if (!following) return
      addresses(network)
      programs(network)
    },
    onError: onFatal,
  })
  return {
    watch,
    syncAddresses: () => addresses(watch.current()),
    syncDevices: () => programs(watch.current()),
    begin: () => {
      following = true
    },
  }
}

function events({ log, onReady, onFatal }: AgentOptions, driver: Driver, network: FollowedNetwork): SourceEvents {
  const fresh = newOnes()
  let ready = false
  return {
    onUpdate(update) {
      try {
        if (!ready) network.syncAddresses()
        driver.update(update)
        if (ready) return
        network.syncDevices()
        network.begin()
        ready = true
        onReady()
      } catch (error) {
        onFatal(error as Error)
      }
    },
    onProblems(problems) {
      const lines = new Map(problems.map(problem => [problemText(problem), problem]))
      for (const line of fresh([...lines.keys()]))
        lines.get(line)?.severity === 'error' ? log.error(line) : log.warn(line)
    },
  }
}

function problemText({ where, message }: Problem): string {
  return `${where}: ${message}`
}

function contextOf(config: Config, node: Node | null): CompileContext {
  return { nodeName: config.nodeName, node, serviceProxyName: config.serviceProxyName }
}
