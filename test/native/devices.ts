// SPDX-License-Identifier: Apache-2.0
/** A device in the namespace of a test, and what is sent out of it. */
import { createSocket } from 'node:dgram'
import type { Test } from 'tap'
import { ip } from '../own-network.ts'

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
  return JSON.parse(ip('-json', 'link', 'show', 'dev', name))[0].ifindex
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
