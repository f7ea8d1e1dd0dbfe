// SPDX-License-Identifier: Apache-2.0
/**
 * Sends random bytes to a server that sends them back, and tells the SHA-256 of both: `node echo.ts server PORT`,
 * `node echo.ts client ADDRESS PORT BYTES`. The client ends its direction first: the rest comes over half a connection.
 */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

export interface Echoed {
  readonly sent: string
  readonly received: string
  readonly bytes: number
}

const CHUNK = 1 << 20

function serve(port: number): void {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.pipe(socket).on('error', error => process.stderr.write(`${error.message}\n`))
  })
  server.listen({ port, host: '::' }, () => process.stdout.write('ready\n'))
}

async function send(host: string, port: number, total: number): Promise<Echoed> {
  const socket = connect({ host, port })
  const [sent, received] = [createHash('sha256'), createHash('sha256')]
  let bytes = 0
  const upload = async () => {
    for (let at = 0; at < total; at += CHUNK) {
      const chunk = randomBytes(Math.min(CHUNK, total - at))
      sent.update(chunk)
      if (!socket.write(chunk)) await once(socket, 'drain')
    }
    socket.end()
  }
  const uploaded = upload()
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received.update(chunk)
    bytes += chunk.length
  }
  await uploaded
  return { sent: sent.digest('hex'), received: received.digest('hex'), bytes }
}

if (import.meta.main) {
  const [, , role, ...rest] = process.argv
  if (role === 'server') serve(Number(rest[0]))
  else process.stdout.write(`${JSON.stringify(await send(rest[0]!, Number(rest[1]), Number(rest[2])))}\n`)
}
