// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { netnsPath } from '../../lab/names.ts'
import { findPlace } from '../../lab/plan.ts'
import { vip } from '../services/manifests.ts'
import { clusterFor } from './cluster.ts'

const { lab, cgroup } = await clusterFor(t)
const CURL = ['curl', '-s', '--max-time', '2', `http://${vip()}/`]

t.test("a process deep below the pod's cgroup, as a container's is", async t => {
  const folder = join(cgroup('node1'), 'pod-client/kubepods/burstable/container')
  mkdirSync(folder, { recursive: true })
  const script = 'echo $$ >"$0/cgroup.procs" && cat /proc/self/cgroup && exec "$@"'
  const { stdout } = await lab.exec('client', ['sh', '-c', script, folder, ...CURL])
  t.match(stdout, /\/node1\/pod-client\/kubepods\/burstable\/container\n/)
  t.match(stdout, /\nweb-\d\n$/)
})

t.test('a process outside of the configured cgroup is not served', async t => {
  const { netns } = findPlace(lab.plan, 'client')
  const run = promisify(execFile)('nsenter', [`--net=${netnsPath(netns)}`, '--', ...CURL])
  // curl's code for a time-out, or for an address that it can't connect to.
  await t.rejects(run, { code: /^(28|7)$/ })
  const { stdout } = await lab.exec('client', CURL)
  t.match(stdout, /^web-\d\n$/, 'in the same network, inside of the cgroup, one is')
})
