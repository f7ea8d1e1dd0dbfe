// SPDX-License-Identifier: Apache-2.0
/** `make demo`: what Evenkeel does, on real connections, in a lab of two nodes. A failed expectation fails the command. */
import { join } from 'node:path'
import { failed } from './command.ts'
import { maps } from './demo/maps.ts'
import { beforeTheStack, outside } from './demo/outside.ts'
import { removal } from './demo/removal.ts'
import { affinity, spread } from './demo/spread.ts'
import { failures, heading, say, table } from './demo/stage.ts'
import { LabError } from './error.ts'
import type { Lab } from './lab.ts'
import { PROJECT_FOLDER } from './names.ts'
import { upLab } from './up.ts'

async function overview(lab: Lab): Promise<void> {
  heading('A cluster of two nodes, without a CNI, in network namespaces')
  table(
    ['pod', 'node', 'IPv4', 'IPv6'],
    lab.plan.pods.map(({ name, node, addresses }) => [name, node, addresses.v4, addresses.v6]),
  )
  const services = await lab.exec('node1', ['evenkeel', 'services'])
  if (services.code !== 0) throw failed('evenkeel services', services)
  say('\n  evenkeel lab exec node1 -- evenkeel services')
  for (const line of services.stdout.trimEnd().split('\n')) say(`  ${line}`)
}

async function main(): Promise<number> {
  const files = [join(PROJECT_FOLDER, 'examples/lab/topology.yaml'), join(PROJECT_FOLDER, 'examples')]
  const name = `demo${process.pid}`
  await using lab = await upLab({ name, files, config: { xdp: 'off' }, progress: line => say(`   ${line}`) })
  const began = performance.now()
  // The maps come before a backend goes: affinity to it goes, too.
  for (const scene of [overview, spread, affinity, maps, outside, beforeTheStack, removal]) await scene(lab)
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  heading(failures.length === 0 ? `All as expected, in ${seconds} s` : `${failures.length} expectations failed`)
  for (const sentence of failures) say(`  ${sentence}`)
  say('  The lab is taken down. To play with one: evenkeel lab up --help')
  return failures.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(
    `demo: ${error instanceof LabError ? error.message : error instanceof Error ? error.stack : error}\n`,
  )
  process.exitCode = 1
}
