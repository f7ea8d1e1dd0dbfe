// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import t from 'tap'
import { clusterFor } from './cluster.ts'

const SYSCTL = '/proc/sys/net/ipv4/ip_local_reserved_ports'
const { lab, restart } = await clusterFor(t, { config: { nodePortRange: '30000-30999' } })

async function ofNode(): Promise<string> {
  return (await lab.exec('node1', ['cat', SYSCTL])).stdout.trim()
}

t.test("in the node's network namespace", async t => {
  t.equal(await ofNode(), '30000-30999')
})

t.test("what the administrator reserved stays, and so does the machine's own list", async t => {
  const own = readFileSync(SYSCTL, 'utf8')
  await lab.exec('node1', ['sysctl', '-w', 'net.ipv4.ip_local_reserved_ports=8080,20000-20010'])
  await restart('node1', {})
  t.equal(await ofNode(), '8080,20000-20010,30000-30999')
  t.equal(readFileSync(SYSCTL, 'utf8'), own)
})
