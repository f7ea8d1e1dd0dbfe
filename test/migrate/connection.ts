// SPDX-License-Identifier: Apache-2.0
/** A connection through the Service of kube-proxy.ts, and whether it goes on. */
import { once } from 'node:events'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { tool } from './network.ts'

export interface Address {
  readonly address: string
  readonly port: number
}

/** Says what it hears, at an address that loopback gets for it. */
export async function startEcho({ address, port }: Address): Promise<Server> {
  tool(['ip', 'link', 'set', 'lo', 'up'])
  tool(['ip', 'addr', 'add', `${address}/32`, 'dev', 'lo'])
  tool(['ip', 'route', 'add', '10.96.0.0/16', 'dev', 'lo'])
  const server = createServer(socket => socket.pipe(socket)).listen(port, address)
  await once(server, 'listening')
  return server
}

export async function connect(): Promise<Socket> {
  const socket = dial(80, '10.96.0.10')
  await once(socket, 'connect')
  return socket
}

/** Whether what is said comes back. */
export async function echoes(socket: Socket, text: string): Promise<boolean> {
  const answer = once(socket, 'data').then(([data]) => String(data) === text)
  socket.write(text)
  return Promise.race([answer, sleep(3000, false)])
}
