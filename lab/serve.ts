// SPDX-License-Identifier: Apache-2.0
/**
 * What a pod of the lab runs: it answers with its name.
 *
 * HTTP: / the pod's name; /client the address and port that the server saw; /bytes/N N bytes at full speed;
 * /trickle/N?seconds=S N bytes spread over S seconds; /received the number of bytes of the request's body.
 * UDP: "NAME ADDRESS PORT PAYLOAD". Every answer says who sent it (header X-Pod).
 */
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { patternBytes } from './pattern.ts'

/** Most that an IPv4 datagram carries (RFC 768: 65535 - 20 - 8). */
const MAX_DATAGRAM = 65_507
const CHUNK = 64 * 1024
const TRICKLE_STEP_MS = 50

/** A dual-stack socket shows IPv4 clients as ::ffff:a.b.c.d. */
function plainAddress(address = ''): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '')
}

function addressPort(address: string | undefined, port: number | undefined): string {
  const plain = plainAddress(address)
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`
}

async function sendBytes(response: ServerResponse, total: number): Promise<void> {
  response.setHeader('Content-Length', total)
  for (let sent = 0; sent < total; sent += CHUNK) {
    const more = response.write(patternBytes(sent, Math.min(CHUNK, total - sent)))
    if (!more) await once(response, 'drain')
  }
  response.end()
}

async function trickleBytes(response: ServerResponse, total: number, seconds: number): Promise<void> {
  response.setHeader('Content-Length', total)
  response.flushHeaders()
  const steps = Math.max(1, Math.round((seconds * 1000) / TRICKLE_STEP_MS))
  for (let step = 0; step < steps; step++) {
    const from = Math.floor((total * step) / steps)
    response.write(patternBytes(from, Math.floor((total * (step + 1)) / steps) - from))
    await sleep(TRICKLE_STEP_MS)
  }
  response.end()
}

async function countBody(request: IncomingMessage): Promise<number> {
  let length = 0
  for await (const chunk of request) length += (chunk as Buffer).length
  return length
}

async function answer(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://pod')
  const [, what, size] = url.pathname.split('/')
  response.setHeader('X-Pod', name)
  switch (what) {
    case '':
      response.end(`${name}\n`)
      return
    case 'client':
      response.end(`${addressPort(request.socket.remoteAddress, request.socket.remotePort)}\n`)
      return
    case 'bytes':
      return sendBytes(response, Number(size))
    case 'trickle':
      return trickleBytes(response, Number(size), Number(url.searchParams.get('seconds') ?? 5))
    case 'received':
      response.end(`${await countBody(request)}\n`)
      return
    default:
      response.writeHead(404).end(`${name}: no such path: ${url.pathname}\n`)
  }
}

async function serveHttp(name: string, port: number): Promise<void> {
  const server = createServer((request, response) => {
    answer(name, request, response).catch(error => response.destroy(error))
  })
  // Tests keep connections open for as long as they like.
  server.keepAliveTimeout = 0
  server.requestTimeout = 0
  server.listen({ port, host: '::', backlog: 4096 })
  await once(server, 'listening')
}

async function serveUdp(name: string, port: number): Promise<void> {
  const socket = createSocket({ type: 'udp6', recvBufferSize: 1 << 20 })
  socket.on('message', (payload: Buffer, from: RemoteInfo) => {
    const head = Buffer.from(`${name} ${plainAddress(from.address)} ${from.port} `)
    const reply = Buffer.concat([head, payload]).subarray(0, MAX_DATAGRAM)
    // A client may be gone by now: its ICMP error is no reason to end.
    socket.send(reply, from.port, from.address, () => undefined)
  })
  socket.on('error', error => process.stderr.write(`udp: ${error.message}\n`))
  socket.bind(port, '::')
  await once(socket, 'listening')
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      name: { type: 'string', default: 'pod' },
      'ready-file': { type: 'string' },
      tcp: { type: 'string', multiple: true, default: [] },
      udp: { type: 'string', multiple: true, default: [] },
    },
  })
  for (const port of values.tcp) await serveHttp(values.name, Number(port))
  for (const port of values.udp) await serveUdp(values.name, Number(port))
  if (values['ready-file']) writeFileSync(values['ready-file'], '')
}

if (import.meta.main) await main()
