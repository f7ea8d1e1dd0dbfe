// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { FAMILIES, service, vip } from '../services/manifests.ts'
import { clusterFor } from './cluster.ts'

const SERVERS = ['web-0', 'web-2']
const PORT = 5353
const ports = [{ name: 'dns', port: 53, protocol: 'UDP', targetPort: PORT }]
const { lab } = await clusterFor(t, { manifests: [service({ name: 'dns', spec: { ports } })] })

// web-1 has no server: its share of the questions would go unanswered.

await rm(lab.podFile('web-1'))
for (const pod of SERVERS) {
  const server = lab.spawn(pod, [process.execPath, join(import.meta.dirname, 'dns.ts'), String(PORT), pod], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(server.stdout!, 'data')
}

t.test('dig is answered by each server, under the name of the Service', async t => {
  for (const family of FAMILIES) {
    const answers = new Set<string>()
    for (let i = 0; i < 20 && answers.size < SERVERS.length; i++) {
      const argv = ['dig', `@${vip(1, family)}`, '+tries=1', '+time=5', 'anything.example', 'TXT']
      const { code, stdout } = await lab.exec('client', argv)
      t.equal(code, 0)
      t.match(stdout, `SERVER: ${vip(1, family)}#53`)
      answers.add(/TXT\t"(.*)"/.exec(stdout)?.[1] ?? stdout)
    }
    t.same([...answers].toSorted(), SERVERS, family)
  }
})
