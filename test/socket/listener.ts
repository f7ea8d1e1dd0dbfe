// SPDX-License-Identifier: Apache-2.0
/** A process in a place of the lab that listens, and accepts nobody. */
import { once } from 'node:events'
import type { Lab } from '../../lab/lab.ts'

export interface Listener {
  readonly where: string
  readonly kind: 'tcp' | 'udp'
  /** "::": of both families. */
  readonly address: string
}

interface Bound extends Omit<Listener, 'where'> {
  readonly port: number
}

const LISTEN = `
import json, socket, sys
sockets = []
for one in json.loads(sys.argv[1]):
    s = socket.socket(socket.AF_INET6 if ':' in one['address'] else socket.AF_INET,
        socket.SOCK_DGRAM if one['kind'] == 'udp' else socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((one['address'], one['port']))
    if one['kind'] == 'tcp':
        s.listen()
    sockets.append(s)
print('ready', flush=True)
sys.stdin.read()
`

/** Gives, once it listens at all of them, what ends it. */
export async function listen(lab: Lab, where: string, sockets: readonly Bound[]): Promise<() => Promise<void>> {
  const argv = ['python3', '-c', LISTEN, JSON.stringify(sockets)]
  const child = lab.spawn(where, argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const began = await Promise.race([once(child.stdout!, 'data').then(() => true), ended.then(() => false)])
  if (!began) throw new Error(`${where}: can't listen at all of ${JSON.stringify(sockets)}`)
  return async () => {
    child.stdin!.end()
    await ended
  }
}
