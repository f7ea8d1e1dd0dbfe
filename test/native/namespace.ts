// SPDX-License-Identifier: Apache-2.0
/** Tests that need devices run in a network namespace of their own, which goes when their process does. */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'

const MARK = 'EVENKEEL_TEST_NAMESPACE'

/** Without the sanitizer that may be preloaded into this process: ip and tc are not under test. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const { LD_PRELOAD: _, ...env } = process.env
  return env
}

/** Runs the tests of a file in a new namespace: there it is started a second time. */
export async function inNamespace(file: string, tests: () => Promise<void> | void): Promise<void> {
  if (process.env[MARK] === file) return tests()
  const env = { ...process.env, [MARK]: file }
  await t.spawn('unshare', ['--net', process.execPath, ...process.execArgv, file], { env }, 'in a network namespace')
}

export function ip(...command: readonly string[]): void {
  execFileSync('ip', command, { env: cleanEnvironment() })
}

/** A veth pair NAME and NAMEp with addresses 10.9.8.1 and none; frames that go into NAME come out of NAMEp. */
export function veth(t: Test, name: string): { readonly near: number; readonly far: number } {
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`)
  t.teardown(() => ip('link', 'del', name))
  ip('addr', 'add', '10.9.8.1/24', 'dev', name)
  ip('link', 'set', name, 'up')
  ip('link', 'set', `${name}p`, 'up')
  ip('neigh', 'add', '10.9.8.2', 'lladdr', '02:00:00:00:00:02', 'dev', name)
  return { near: ifindex(name), far: ifindex(`${name}p`) }
}

export function ifindex(name: string): number {
  // sysfs shows the namespace that it was mounted in; netlink, and so ip, the one we are in.
  const [link] = JSON.parse(
    execFileSync('ip', ['-json', 'link', 'show', 'dev', name], { encoding: 'utf8', env: cleanEnvironment() }),
  )
  return link.ifindex
}

/** Sends datagrams to 10.9.8.2, so out of the near device. */
export async function sendDatagrams(count: number): Promise<void> {
  const socket = createSocket('udp4')
  for (let i = 0; i < count; i++)
    await new Promise<void>((resolve, reject) =>
      socket.send('hello', 9, '10.9.8.2', error => (error ? reject(error) : resolve())),
    )
  await new Promise<void>(resolve => socket.close(() => resolve()))
}

/** The cgroup2 mount point. */
export function cgroupRoot(): string {
  const line = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find(text => text.split(' ')[2] === 'cgroup2')
  if (!line) throw new Error('cgroup2 is not mounted')
  return line.split(' ')[1] ?? ''
}
