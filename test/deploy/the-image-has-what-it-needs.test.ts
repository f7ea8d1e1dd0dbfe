// SPDX-License-Identifier: Apache-2.0
/** What can be seen of the image without building it (`make image` does): its stages, and what they leave out. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { PROJECT_FOLDER } from '../../lab/names.ts'

const read = (file: string) => readFileSync(join(PROJECT_FOLDER, file), 'utf8')
const instructions = read('Dockerfile')
  .split('\n')
  .filter(line => /^[A-Z]+ /.test(line))

t.test('every step of the Dockerfile is one of scripts/image-stage', async t => {
  const runs = instructions.filter(line => line.startsWith('RUN '))
  const stages = [...read('scripts/image-stage').matchAll(/^(\w+)\) ?/gm)].map(([, stage]) => stage)
  t.same(
    runs.map(line => /scripts\/image-stage (\w+)/.exec(line)?.[1]),
    stages,
    'in their order',
  )
})

t.test('scripts/image knows every instruction', async t => {
  const script = read('scripts/image')
  const known = [...script.matchAll(/^\t([A-Z |]+)\) /gm)].flatMap(([, names = '']) => names.split(' | '))
  for (const line of instructions) t.ok(known.includes(line.split(' ', 1)[0] ?? ''), line)
})

t.test('what is built here does not get into the image', async t => {
  const ignored = read('.dockerignore').split('\n').filter(Boolean)
  for (const line of read('.gitignore').split('\n').filter(Boolean)) {
    const folder = line.replace(/\/$/, '')
    t.ok(
      ignored.some(name => name === folder || name.startsWith(`${folder}/`) || name.endsWith(`/${folder}`)),
      line,
    )
  }
})

t.test('it does not run as root unless told so', async t => {
  t.ok(instructions.includes('USER 65532:65532'))
})
