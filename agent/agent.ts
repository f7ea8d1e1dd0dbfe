// SPDX-License-Identifier: Apache-2.0
/** One node's agent: from a source of objects to the kernel, for as long as it runs. */
import type { Logger } from 'pino'
import type { CompileContext } from './compile/context.ts'
import type { Config } from './config.ts'
import { holdAll } from './kernel/exclusive.ts'
import type { Operations } from './kernel/operations.ts'
import { allPinFolders } from './kernel/pins.ts'
import { reservePorts } from './kernel/reserved-ports.ts'
import type { LogTally } from './log.ts'
import type { Node } from './objects.ts'
import type { Role } from './reconcile/attached-devices.ts'
import { createDriver, type Driver, newOnes } from './reconcile/driver.ts'
import { type Kernel, openKernel } from './reconcile/kernel.ts'
import { syncPodRanges } from './reconcile/masquerade.ts'
import { followNetwork, type NodeNetwork } from './reconcile/node-network.ts'
import { type AgentState, problemText } from './serve/agent-state.ts'
import { type Complain, complaints, watchSourcePorts } from './serve/complaints.ts'
import { createEventRecorder } from './serve/events.ts'
import { type Knowledge, knowledgeOf } from './serve/knowledge.ts'
import { createMetrics, type Metrics } from './serve/metrics/metrics.ts'
import { type Servers, startServers } from './serve/servers.ts'
import type { Source, SourceEvents } from './source/source.ts'

export interface AgentOptions {
  readonly config: Config
  readonly source: Source
  readonly log: Logger
  /** Of what goes through `log`. */
  readonly tally: LogTally
  /** Called once, when everything has synced and the maps say it. */
  readonly onReady: () => void
  /** Called when the agent can't go on. What is in the kernel goes on serving. */
  readonly onFatal: (error: Error) => void
  /** Of a migration: see MigrationOptions. */
  readonly onStep?: ((step: string) => void) | undefined
}

export interface Agent {
  /** What it has asked of the kernel's maps so far. */
  readonly operations: Readonly<Operations>
  /** Leaves maps and programs as they are. */
  stop(): Promise<void>
}

/** Rejects when it can't begin: no rights, an unreadable folder, maps of another layout. Nothing of it goes on running then. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  await using begun = new AsyncDisposableStack()
  const operations = await begin(options, step => begun.defer(step))
  const all = begun.move()
  return { operations, stop: () => all.disposeAsync() }
}

/** `atEnd`: is told what undoes each step; the last one is undone first. */
async function begin(options: AgentOptions, atEnd: (undo: () => void | Promise<void>) => void): Promise<Operations> {
  const { source, log, onFatal } = options
  const config = consistent(options.config, log)
  let servers: Servers | undefined
  const answer = (question: string) => JSON.stringify(servers === undefined ? {} : told(question, servers, driver))
  atEnd(await holdAll(allPinFolders(config.bpffs), answer))
  const kernel = openKernel(config, log, options.onStep)
  atEnd(kernel.close)
  const metrics = metricsOf(options, kernel, () => driver)
  const recorder = createEventRecorder({
    node: config.nodeName,
    send: source.send,
    uidOf: key => driver.desired.view(key)?.service.uid,
    log,
  })
  const complain = complaints(recorder)
  const driver = createDriver({
    dataplane: kernel.dataplane,
    contextOf: node => contextOf(config, node),
    log,
    onBackendsGone: kernel.destroyStaleSockets,
    onApplied: metrics.applied,
    onComplaints: complain,
  })
  const network = followNetwork({
    config,
    dataplane: kernel.dataplane,
    devices: kernel.devices,
    xdp: kernel.xdp,
    log,
    onError: onFatal,
  })
  atEnd(network.stop)
  reserve(config.nodePortRange, log)
  servers = startServers({ ...options, config, dataplane: kernel.dataplane, metrics })
  atEnd(servers.close)
  atEnd(source.stop)
  await source.start(events({ ...options, config }, { driver, network, kernel, servers, metrics, complain }))
  const watchPorts = watchSourcePorts(kernel.dataplane, recorder)
  const timer = setInterval(() => {
    sweep(options, driver, metrics)
    watchPorts().catch(onFatal)
    try {
      kernel.checkPins()
    } catch (error) {
      onFatal(error as Error)
    }
  }, config.sweepSeconds * 1_000)
  atEnd(() => clearInterval(timer))
  return kernel.dataplane.operations
}

/** To `evenkeel status`, and to `evenkeel explain`. */
function told(question: string, servers: Servers, { desired }: Driver): AgentState | Knowledge {
  const [, key] = /^service (.*)$/.exec(question) ?? []
  return key === undefined ? servers.state() : knowledgeOf(key, desired, servers.standing().map(problemText))
}

interface Parts {
  readonly driver: Driver
  readonly network: NodeNetwork
  readonly kernel: Kernel
  readonly servers: Servers
  readonly metrics: Metrics
  readonly complain: Complain
}

function metricsOf(
  { config, tally }: AgentOptions,
  { dataplane, devices, hooks }: Kernel,
  driver: () => Driver,
): Metrics {
  return createMetrics({
    dataplane,
    used: () => driver().used,
    live: () => driver().live,
    limit: config.metricsServices,
    devices: () => countByRole(devices.attached.values()),
    hooks,
    tally,
  })
}

function countByRole(roles: Iterable<Role>): Record<Role, number> {
  const counted = { pod: 0, uplink: 0, stranger: 0 }
  for (const role of roles) counted[role]++
  return counted
}

function sweep({ config, log, onFatal }: AgentOptions, driver: Driver, metrics: Metrics): void {
  const started = performance.now()
  driver.sweep(config.timeouts).then(swept => {
    metrics.swept(swept, (performance.now() - started) / 1_000)
    log.debug({ ...swept, states: Object.fromEntries(swept.states) }, 'swept')
  }, onFatal)
}

function events({ config, log, onReady, onFatal }: AgentOptions, parts: Parts): SourceEvents {
  const { driver, network, kernel, servers, metrics, complain } = parts
  const fresh = newOnes()
  let ready = false
  return {
    onUpdate(update) {
      try {
        servers.queued()
        if (update.node !== undefined) network.syncAddresses(update.node)
        if (!ready || update.node !== undefined) syncPodRanges(kernel.dataplane, config, update.node ?? null)
        driver.update(update)
        if (driver.live.sctp.size > 0) network.servePackets()
        if (!ready) attach(parts, log)
        servers.applied(update)
        if (!ready) onReady()
        ready = true
      } catch (error) {
        onFatal(error as Error)
      }
    },
    onProblems(problems) {
      servers.problems(problems)
      const lines = new Map(problems.map(problem => [problemText(problem), problem]))
      const news = fresh([...lines.keys()])
      for (const line of news) lines.get(line)?.severity === 'error' ? log.error(line) : log.warn(line)
      complain(news, [])
    },
    onRequest: metrics.requested,
  }
}

/**
 * After addresses and Services have been written: nothing is translated on a partial view. What another configuration had attached
 * goes last: pods are served all the while.
 */
function attach({ kernel, network }: Parts, log: Logger): void {
  kernel.flip(() => {
    kernel.attachSockets()
    network.begin()
    kernel.detachSockets()
  })
  const connections = kernel.leaveTranslated()
  if (connections > 0) log.info({ connections }, "connections that the kernel's conntrack translates are left to it")
}

function contextOf(config: Config, node: Node | null): CompileContext {
  const { nodeName, serviceProxyName, externalIPs, dsr } = config
  return { nodeName, node, serviceProxyName, externalIPs, dsr }
}

/** Sockets choose their own source address: whoever wants all clients masqueraded wants every packet to pass through programs. */
function consistent(config: Config, log: Logger): Config {
  if (!config.masqueradeAll || config.podPath === 'packet') return config
  log.warn(`masqueradeAll works on packets: podPath is packet, not ${config.podPath}`)
  return { ...config, podPath: 'packet' }
}

/** Where /proc/sys is read-only (an unprivileged container) somebody else has to. */
function reserve(range: string, log: Logger): void {
  try {
    if (reservePorts(range)) log.info({ range }, 'nodePorts reserved')
  } catch (error) {
    const { message } = error as Error
    log.warn(
      `can't keep nodePorts from being ports of connections: ${message}: set net.ipv4.ip_local_reserved_ports to ${range}`,
    )
  }
}
