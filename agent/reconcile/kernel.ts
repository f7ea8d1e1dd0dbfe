// SPDX-License-Identifier: Apache-2.0
/** The agent's hold on the kernel: objects loaded, maps opened, programs ready to be attached. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { bridge } from '../kernel/bridge.ts'
import { KernelError } from '../kernel/errno.ts'
import { HOOKS, listHooks } from '../kernel/hooks.ts'
import { MAPS } from '../kernel/layout.gen.ts'
import { openMap } from '../kernel/maps.ts'
import { beginMigration, type Migration, type MigrationOptions } from '../kernel/migration.ts'
import { MismatchError } from '../kernel/mismatch.ts'
import { cgroupFolder } from '../kernel/mounts.ts'
import { type LoadedObject, type LoadRequest, loadObject } from '../kernel/objects.ts'
import { type PinFolder, pinFolder } from '../kernel/pins.ts'
import { type AttachedDevices, attachedDevices, type DevicePrograms, type Role } from './attached-devices.ts'
import { type Dataplane, dataplaneOf } from './dataplane.ts'
import { leaveTranslated } from './foreign.ts'
import { masqueradeOf } from './masquerade.ts'
import { attachSocketPath, detachSocketPath } from './socket-path.ts'
import { type StaleSockets, staleSockets } from './stale-sockets.ts'
import { xdpProgram } from './xdp-program.ts'
import { type XdpUplinks, xdpUplinks } from './xdp-uplinks.ts'

export interface Kernel {
  readonly dataplane: Dataplane
  readonly devices: AttachedDevices
  readonly xdp: XdpUplinks
  /**
   * Runs what attaches programs. Those of another version go on until then: `attach` exchanges them, and what they leave is removed.
   */
  readonly flip: (attach: () => void) => void
  /**
   * Connections that a kube-proxy has sent to backends go on: to be called when programs have been attached, as `devices` does the moment before.
   * Gives how many there are.
   */
  readonly leaveTranslated: () => number
  /** Puts the socket path in place, when it is configured. */
  readonly attachSockets: () => void
  /** Takes away a socket path that an earlier configuration had put in place and this one has not. */
  readonly detachSockets: () => void
  readonly destroyStaleSockets: () => void
  /**
   * Throws MismatchError when somebody has removed what is pinned: links end with their pins, so that nothing is served by maps that
   * only this process holds.
   */
  readonly checkPins: () => void
  /** Of the socket path: how many are attached, and how many should be. */
  readonly hooks: () => { readonly attached: number; readonly wanted: number }
  close(): void
}

/** `onStep`: see MigrationOptions. Throws KernelError and MismatchError. */
export function openKernel(config: Config, log: Logger, onStep?: MigrationOptions['onStep']): Kernel {
  const folder = pinFolder(config.bpffs)
  const migration = beginMigration({ root: config.bpffs, note: line => log.warn(line), onStep })
  try {
    return withMaps(config, folder, log, migration)
  } catch (error) {
    migration?.close()
    throw error
  }
}

function withMaps(config: Config, folder: PinFolder, log: Logger, migration: Migration | undefined): Kernel {
  const first = loader(config, folder, log, migration)
  // Maps first; the programs take the verifier a second, and only nodes with such devices need them.
  const maps = first('tc', { programs: [] })
  const sockets = config.podPath === 'packet' ? undefined : socketPath(config, folder, first, log)
  const dataplane = dataplaneOf(maps, sockets?.object)
  const load: Load = (name, options = {}) =>
    first(name, { ...options, settings: { opening: dataplane.ringSlots, ...options.settings } })
  const programs = devicePrograms(config, load)
  const xdp = xdpProgram(program =>
    load('xdp', { programs: [program], settings: { masquerade: masqueradeOf(config, 'uplink') } }),
  )
  let hooked = false
  return {
    dataplane,
    devices: attachedDevices({ folder, programs: programs.of, onBegin: () => leaveThem(maps, log) }),
    xdp: xdpUplinks({ folder, mode: config.xdp, dataplane, programFd: xdp.fd }),
    flip: attach => (migration === undefined ? attach() : migration.flip(attach)),
    leaveTranslated: () => leaveThem(maps, log),
    attachSockets() {
      sockets?.attach()
      hooked = sockets !== undefined
    },
    detachSockets() {
      if (sockets === undefined) detachSocketPath(folder)
    },
    checkPins() {
      const missing = missingPin(folder, hooked)
      if (missing === undefined) return
      throw new MismatchError(
        `${missing} is gone: somebody has removed what was pinned, and clients are not served`,
        'Started again, the agent makes all anew',
      )
    },
    hooks: () => ({
      attached: listHooks(folder).length,
      wanted: sockets === undefined ? 0 : Object.keys(HOOKS).length,
    }),
    destroyStaleSockets: () => sockets?.stale?.request(),
    close() {
      migration?.close()
      sockets?.close()
      dataplane.close()
      programs.close()
      xdp.close()
      maps.close()
    },
  }
}

function leaveThem(maps: LoadedObject, log: Logger): number {
  const foreign = openMap(MAPS.foreign, maps.mapFd('foreign'))
  try {
    return leaveTranslated(foreign)
  } catch (error) {
    log.warn(`connections that a kube-proxy has opened may break: ${(error as Error).message}`)
    return 0
  } finally {
    foreign.close()
  }
}

function missingPin(folder: PinFolder, hooked: boolean): string | undefined {
  const map = join(folder.path, MAPS.frontends.name)
  if (!existsSync(map)) return map
  return hooked && listHooks(folder).length < Object.keys(HOOKS).length ? `a link in ${folder.links}` : undefined
}

interface LoadOptions {
  /** Only these; default all. */
  readonly programs?: readonly string[]
  /** Put over the settings of all objects. */
  readonly settings?: LoadRequest['settings']
}

type Load = (name: string, options?: LoadOptions) => LoadedObject

function loader(
  { sizes, eventSample, icmpPerSecond }: Config,
  folder: PinFolder,
  log: Logger,
  inheritance: Migration | undefined,
): Load {
  const netnsCookie = bridge.netnsCookie()
  const settings: LoadRequest['settings'] = {
    eventSample,
    // Before 5.14 nobody tells: then no namespace is the node's own, and its loopback serves no nodePorts.
    netnsCookie: typeof netnsCookie === 'bigint' ? netnsCookie : 0n,
    icmp: icmpPerSecond,
    rings: bridge.possibleCpus(),
  }
  // Several objects have the same maps.
  const told = new Set<string>()
  return (name, { programs, settings: own } = {}) => {
    const file = fileURLToPath(new URL(`../../bpf/build/${name}.bpf.o`, import.meta.url))
    const object = loadObject({
      file,
      folder,
      inheritance,
      settings: { ...settings, ...own },
      sizes: { ...sizes, counters: sizes.services, rings: bridge.possibleCpus() },
      ...(programs && { programs }),
    })
    for (const note of object.notes.filter(note => !told.has(note))) {
      told.add(note)
      log.warn(note)
    }
    return object
  }
}

/** Names of the object and of what its programs are for. */
const OBJECTS = {
  pod: ['tc', 'pod'],
  stranger: ['tc', 'pod'],
  uplink: ['uplink', 'uplink'],
} as const satisfies Record<Role, readonly [string, string]>

/** Each pair is loaded when the first device asks for it. */
function devicePrograms(config: Config, load: Load) {
  const loaded = new Map<Role, { readonly object: LoadedObject; readonly programs: DevicePrograms }>()
  function loadNow(role: Role) {
    const [name, place] = OBJECTS[role]
    const object = load(name, { settings: { masquerade: masqueradeOf(config, role) } })
    const [ingress, egress] = [object.programFd(`tc_${place}_ingress`), object.programFd(`tc_${place}_egress`)]
    const pair = { object, programs: { ingress, egress } }
    loaded.set(role, pair)
    return pair
  }
  return {
    of: (role: Role): DevicePrograms => (loaded.get(role) ?? loadNow(role)).programs,
    close() {
      for (const { object, programs } of loaded.values()) {
        for (const fd of [programs.ingress, programs.egress]) bridge.close(fd)
        object.close()
      }
    },
  }
}

interface SocketPath {
  readonly object: LoadedObject
  readonly attach: () => void
  readonly stale: StaleSockets | undefined
  close(): void
}

function socketPath(config: Config, folder: PinFolder, load: Load, log: Logger): SocketPath {
  const cgroup = cgroupFolder(config.cgroup)
  const object = load('socket')
  const destroy = loadDestroy(load, log)
  const onError = (error: Error) => log.error({ error: error.message }, 'sockets of gone backends may have been left')
  const stale = destroy && staleSockets({ object: destroy, tcp: config.destroyTcp, onError })
  return {
    object,
    attach() {
      attachSocketPath(folder, object, cgroup)
      // Left by an agent that was killed between the change and this.
      stale?.request()
    },
    stale,
    close() {
      stale?.close()
      destroy?.close()
      object.close()
    },
  }
}

/** bpf_sock_destroy is a function of kernel 6.5: without it the object does not load, and everything else goes on. */
function loadDestroy(load: Load, log: Logger): LoadedObject | undefined {
  try {
    return load('destroy')
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    log.warn('this kernel has no bpf_sock_destroy (6.5+): connected UDP sockets keep sending to a backend that is gone')
    return undefined
  }
}
