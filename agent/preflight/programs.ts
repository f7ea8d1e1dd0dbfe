// SPDX-License-Identifier: Apache-2.0
/** Our own programs, shown to this kernel's verifier; and what not every kernel has. */
import { existsSync, readFileSync } from 'node:fs'
import type { Config } from '../config.ts'
import { bridge } from '../kernel/bridge.ts'
import { check, checkValue, KernelError } from '../kernel/errno.ts'
import { built, probeFeatures } from '../kernel/features.ts'
import { attempt, type Finding, ok, trouble } from './finding.ts'

const BTF = '/sys/kernel/btf/vmlinux'

interface Programs {
  /** Of bpf/build. */
  readonly object: string
  readonly needed: (config: Config) => boolean
  readonly consequence: string
  readonly remedy: string
}

const OBJECTS: readonly Programs[] = [
  {
    object: 'socket',
    needed: ({ podPath }) => podPath !== 'packet',
    consequence: 'Pods and processes of the node are not served when they dial.',
    remedy: 'podPath: packet serves pods at their devices.',
  },
  {
    object: 'tc',
    needed: ({ podPath }) => podPath !== 'socket',
    consequence: 'Guests with a kernel of their own are not served at their devices.',
    remedy: 'podPath: socket serves all that have a socket on this node.',
  },
  {
    object: 'uplink',
    needed: ({ uplinks }) => uplinks,
    consequence: 'Clients outside are not served: nodePorts, load balancers, externalIPs.',
    remedy: 'uplinks: false leaves them to somebody else.',
  },
  {
    object: 'xdp',
    needed: ({ xdp }) => xdp === 'native' || xdp === 'generic',
    consequence: 'Uplinks are not served before the stack.',
    remedy: 'xdp: off; tc at the uplinks serves the same, at a higher cost.',
  },
  {
    object: 'destroy',
    needed: () => false,
    consequence: 'A connected UDP socket keeps sending to a backend that is gone until the client closes it.',
    remedy: 'Linux 6.5 or newer with BTF; or restart such clients.',
  },
]

export function programs(config: Config): Finding[] {
  const loading = OBJECTS.filter(({ object }) => existsSync(built(object))).map(
    ({ object, needed, consequence, remedy }) =>
      attempt(`programs of ${object}`, needed(config), () => (object === 'xdp' ? loadXdp() : load(object)), {
        consequence,
        remedy,
      }),
  )
  return [btf(), ...loading, ...features()]
}

function btf(): Finding {
  return attempt('BTF of the kernel', false, () => `${BTF}, ${Math.round(readFileSync(BTF).length / 1024)} KiB`, {
    consequence: 'Sockets of gone backends are not destroyed (see programs of destroy).',
    remedy: 'CONFIG_DEBUG_INFO_BTF: kernels of distributions have it.',
  })
}

/** Before 5.18 there are no frames in pieces, and the agent takes the program for whole ones (reconcile/xdp-program.ts). */
function loadXdp(): string {
  try {
    return load('xdp')
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    return `${load('xdp', ['xdp_uplink_linear'])}; none for frames in pieces, which Linux 5.18 has`
  }
}

/** As small as can be: what counts is the verifier. Sizes of arrays that programs index by a constant stay. */
const ENTRIES = 1024
const RING = 27
const LOG_LINES = 3

function load(name: string, wanted?: readonly string[]): string {
  const object = checkValue(bridge.objectOpen(readFileSync(built(name)), name), 'open object', name)
  try {
    for (const { name: map, type, maxEntries } of bridge.objectMaps(object))
      if (type !== RING && maxEntries > ENTRIES)
        check(bridge.objectSetMaxEntries(object, map, ENTRIES), 'set the size of', map)
    const programs = bridge.objectPrograms(object).map(program => program.name)
    for (const program of programs)
      check(
        bridge.objectSetAutoload(object, program, (wanted ?? programs).includes(program)),
        'select program',
        program,
      )
    const { errno, log } = bridge.objectLoad(object)
    const hint = log.trimEnd().split('\n').slice(-LOG_LINES).join(' / ')
    if (errno !== 0) throw new KernelError({ operation: 'load object', subject: name, errno: -errno, hint })
    return `${(wanted ?? programs).length} accepted by the verifier`
  } finally {
    bridge.objectClose(object)
  }
}

function features(): Finding[] {
  try {
    return probeFeatures().map(({ name, since, present, consequence }) =>
      present
        ? ok(name, 'there')
        : trouble(name, false, { found: 'missing', consequence, remedy: `Linux ${since} or newer has it.` }),
    )
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    const otherwise = { consequence: 'Nothing can be tried.', remedy: 'Run as root.' }
    return [trouble('features', true, { found: error.message, ...otherwise })]
  }
}
