// SPDX-License-Identifier: Apache-2.0
/** The verifier's own count, free of noise: docs/verifier.md promises the bound. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { checkValue } from '../../agent/kernel/errno.ts'
import { loadObject } from '../../agent/kernel/objects.ts'
import { pinFolder } from '../../agent/kernel/pins.ts'

const BUILD = join(import.meta.dirname, '../../bpf/build')
const OBJECTS = ['tc', 'uplink', 'xdp', 'socket', 'destroy']
/** A quarter of what the verifier looks at before it gives up. */
const BOUND = 250_000

const root = `/sys/fs/bpf/ek-test-verifier-${process.pid}`
mkdirSync(root)
const remove = () => rmSync(root, { recursive: true, force: true })
t.teardown(remove)
process.once('exit', remove)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

function programsOf(name: string): readonly string[] {
  const opened = bridge.objectOpen(readFileSync(join(BUILD, `${name}.bpf.o`)), name)
  if (typeof opened === 'number') throw new Error(`can't open ${name}: errno ${-opened}`)
  const programs = bridge.objectPrograms(opened)
  bridge.objectClose(opened)
  return programs.map(program => program.name)
}

for (const name of OBJECTS)
  t.test(name, async t => {
    const settings = { eventSample: 0, netnsCookie: 0n, masquerade: 0 }
    const sizes = { flows: 1_024, affinity: 1_024, frontends: 1_024, backends: 1_024, tables: 1_024 }
    const object = loadObject({ file: join(BUILD, `${name}.bpf.o`), folder: pinFolder(root), settings, sizes })
    for (const program of programsOf(name)) {
      const fd = object.programFd(program)
      const { verifiedInsns } = checkValue(bridge.programInfo(fd), 'ask about', program)
      bridge.close(fd)
      t.ok(verifiedInsns > 0 && verifiedInsns <= BOUND, `${program}: ${verifiedInsns} of ${BOUND}`)
    }
    object.close()
  })
