// SPDX-License-Identifier: Apache-2.0
/** What not every kernel has, found out by trying: distributions carry features back, so a version says little. */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type BpfObject, bridge } from './bridge.ts'
import { check, checkValue } from './errno.ts'

export interface Feature {
  readonly name: string
  /** The kernel that had it first: "5.18". */
  readonly since: string
  readonly present: boolean
  /** What it means when it is missing. */
  readonly consequence: string
}

interface Probe extends Omit<Feature, 'present'> {
  /** Throws KernelError when it may not even try. */
  readonly try: () => boolean
}

export const OBJECT = built('probe')

const PROBES: readonly Probe[] = [
  {
    name: 'bpf_ktime_get_coarse_ns',
    since: '5.11',
    consequence: 'The exact clock is read instead, which costs some 30 ns a packet or connection.',
    try: () => loads(OBJECT, 'probe_clock'),
  },
  {
    name: 'bpf_set_retval',
    since: '5.18',
    consequence:
      'On the socket path connect() is not refused when a Service has no endpoints: the client waits for its time-out. ' +
      'With podPath both, the packet path refuses it. A process that binds a nodePort is told EPERM, not EADDRINUSE.',
    try: () => loads(OBJECT, 'probe_set_retval'),
  },
  {
    name: 'bpf_sock_destroy',
    since: '6.5',
    consequence: 'A connected UDP socket keeps sending to a backend that is gone until the client closes it.',
    try: () => loads(built('probe_destroy'), 'probe_destroy'),
  },
  {
    name: 'getpeername hook',
    since: '5.8',
    consequence: "The socket path can't be attached: use podPath packet.",
    try: () => loads(OBJECT, 'probe_peername'),
  },
  {
    name: 'sock_release hook',
    since: '5.9',
    consequence: "The socket path can't be attached: use podPath packet.",
    try: () => loads(OBJECT, 'probe_release'),
  },
  {
    name: 'SO_NETNS_COOKIE',
    since: '5.14',
    consequence: "NodePorts do not answer at the node's loopback, and processes of the node may bind them.",
    try: () => typeof bridge.netnsCookie() === 'bigint',
  },
  {
    name: 'tcx links',
    since: '6.6',
    consequence: 'On devices the packet path is a filter of clsact, which other programs can remove or come before.',
    try: hasTcx,
  },
]

export function built(name: string): string {
  return fileURLToPath(new URL(`../../bpf/build/${name}.bpf.o`, import.meta.url))
}

/** Throws KernelError without the rights to load a program. */
export function probeFeatures(): Feature[] {
  return PROBES.map(({ name, since, consequence, try: probe }) => ({
    name,
    since,
    present: probe(),
    consequence,
  }))
}

/** Whether the kernel takes one program of an object file. */
export function loads(file: string, program: string): boolean {
  return withProgram(file, program, () => true) ?? false
}

const { EPERM, ENODEV } = constants.errno

/** Loads one program of an object and looks at it; undefined when the kernel does not take it. */
export function withProgram<T>(file: string, program: string, look: (fd: number) => T): T | undefined {
  const object = checkValue(bridge.objectOpen(readFileSync(file), 'probe'), 'open object', file)
  try {
    for (const { name } of bridge.objectPrograms(object))
      check(bridge.objectSetAutoload(object, name, name === program), 'select program', name)
    if (!loadsNow(object)) return undefined
    const fd = check(bridge.objectProgramFd(object, program), 'open program', program)
    try {
      return look(fd)
    } finally {
      bridge.close(fd)
    }
  } finally {
    bridge.objectClose(object)
  }
}

function loadsNow(object: BpfObject): boolean {
  const { errno } = bridge.objectLoad(object)
  if (errno === -EPERM) check(errno, 'load object', 'probe', 'This takes root (CAP_BPF, CAP_NET_ADMIN)')
  return errno === 0
}

/** No device has this index: a kernel that knows tcx looks for it. */
const NO_DEVICE = 0x7fff_ffff
const BPF_TCX_INGRESS = 46

function hasTcx(): boolean {
  return withProgram(OBJECT, 'probe_tcx', fd => bridge.attachTcx(fd, NO_DEVICE, BPF_TCX_INGRESS)) === -ENODEV
}
