// SPDX-License-Identifier: Apache-2.0
/** The verifier's own count, free of noise: docs/verifier.md promises the bound. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { checkValue } from '../../agent/kernel/errno.ts'
import { Masquerade, type Settings } from '../../agent/kernel/layout.gen.ts'
import { loadObject } from '../../agent/kernel/objects.ts'
import { pinFolder } from '../../agent/kernel/pins.ts'
import { reached } from '../../agent/preflight/rights.ts'

const BUILD = join(import.meta.dirname, '../../bpf/build')
const OBJECTS = ['tc', 'uplink', 'xdp', 'socket', 'destroy']
/** A quarter of what the verifier looks at before it gives up. */
const BOUND = 250_000

const cookie = bridge.netnsCookie()
/** As an agent has them that uses all: of what is zero the verifier leaves out what follows. */
const SETTINGS: Settings = {
  netnsCookie: typeof cookie === 'bigint' ? cookie : 0n,
  eventSample: 100,
  masquerade: Masquerade.STRANGERS,
  opening: 8_192,
  rings: bridge.possibleCpus(),
  icmp: 1_000,
}

const root = `/sys/fs/bpf/ek-test-verifier-${process.pid}`
mkdirSync(root)
const remove = () => rmSync(root, { recursive: true, force: true })
t.teardown(remove)
process.once('exit', remove)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** Those that the kernel can have: older ones go without. */
function programsOf(name: string): readonly string[] {
  const opened = bridge.objectOpen(readFileSync(join(BUILD, `${name}.bpf.o`)), name)
  if (typeof opened === 'number') throw new Error(`can't open ${name}: errno ${-opened}`)
  const programs = bridge.objectPrograms(opened)
  bridge.objectClose(opened)
  const [major, minor] = NEEDED[name] ?? NEEDED.any
  return reached(release(), major, minor) ? programs.map(program => program.name).filter(fits) : []
}

const NEEDED: Readonly<Record<string, readonly [number, number]>> & { readonly any: readonly [number, number] } = {
  any: [5, 10],
  /** bpf_sock_destroy */
  destroy: [6, 5],
}

/** xdp.frags is of kernel 5.18. */
function fits(program: string): boolean {
  return program !== 'xdp_uplink' || reached(release(), 5, 18)
}

for (const name of OBJECTS)
  t.test(name, async t => {
    const sizes = { flows: 1_024, affinity: 1_024, frontends: 1_024, backends: 1_024, tables: 1_024 }
    const programs = programsOf(name)
    if (programs.length === 0) return t.comment(`kernel ${release()} has not what ${name} needs`)
    const file = join(BUILD, `${name}.bpf.o`)
    const object = loadObject({ file, folder: pinFolder(root), settings: SETTINGS, sizes, programs })
    for (const program of programs) {
      const fd = object.programFd(program)
      const { verifiedInsns } = checkValue(bridge.programInfo(fd), 'ask about', program)
      bridge.close(fd)
      // The number is told since 5.16; before, that it loads says that it is within the verifier's million.
      t.ok(verifiedInsns > 0 || !reached(release(), 5, 16), `${program} is counted`)
      t.ok(verifiedInsns <= BOUND, `${program}: ${verifiedInsns} of ${BOUND}`)
    }
    object.close()
  })
