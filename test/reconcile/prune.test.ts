// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino'
import t from 'tap'
import type { ServiceView } from '../../agent/objects.ts'
import { createDriver, type Driver } from '../../agent/reconcile/driver.ts'
import { loadManifests } from '../../agent/source/manifests/load.ts'
import { fixture } from './fixture.ts'
import { manifestFile } from './manifest-file.ts'

const { open, remove } = fixture('prune')
t.teardown(remove)

async function views(...names: readonly string[]): Promise<Map<string, ServiceView>> {
  const file = manifestFile(names)
  t.teardown(file.remove)
  return (await loadManifests([file.path])).services
}

function start(): { readonly driver: Driver; readonly names: () => string[] } {
  const dataplane = open()
  const contextOf = () => ({ nodeName: 'node1', node: null, serviceProxyName: '' })
  const log = pino({ level: 'silent' })
  const driver = createDriver({ dataplane, contextOf, log, onBackendsGone: () => {} })
  return { driver, names: () => [...dataplane.services.entries()].map(([, { name }]) => name).sort() }
}

t.test('what an incomplete view does not show stays, until a complete one denies it', async t => {
  const first = start()
  first.driver.update({ services: await views('a', 'b'), incomplete: false })
  t.same(first.names(), ['default/a/TCP', 'default/b/TCP'])

  const second = start()
  second.driver.update({ services: await views('a'), incomplete: true })
  t.same(second.names(), ['default/a/TCP', 'default/b/TCP'], 'b is kept: its file could not be read')
  second.driver.update({ services: new Map(), incomplete: false })
  t.same(second.names(), ['default/a/TCP'], 'now it is known to be gone')
})
