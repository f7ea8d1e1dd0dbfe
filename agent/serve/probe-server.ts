// SPDX-License-Identifier: Apache-2.0
/** An HTTP server that answers probes and scrapes, and keeps trying until it has its port. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { hostPort } from '../address.ts'
import type { BindAddress } from './bind-address.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface ProbeServerOptions {
  /** For messages: "/healthz and /livez". */
  readonly what: string
  /** For messages: what to do when the port is not to be had. */
  readonly advice: string
  readonly at: BindAddress
  readonly answer: (request: IncomingMessage) => Answer | Promise<Answer>
  /** Connections to other addresses of ours are closed. Default: all are answered. */
  readonly serves?: ((localAddress: string) => boolean) | undefined
  readonly log: Logger
  /** Milliseconds between tries to have the port; default 2,000. */
  readonly retryMs?: number | undefined
}

export interface ProbeServer {
  /** The port is free when this returns; connections are closed. */
  close(): void
}

export const NOT_FOUND: Answer = {
  status: 404,
  headers: { 'Content-Type': 'text/plain' },
  body: '404 page not found\n',
}
const FAILED: Answer = { status: 500, headers: { 'Content-Type': 'text/plain' }, body: 'see the log of the agent\n' }

/** A probe is one short request: who takes longer than this (milliseconds) does not hold us up. */
const LIMITS = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 5_000 }

const RETRY_MS = 2_000

export function serveProbes(options: ProbeServerOptions): ProbeServer {
  const { what, advice, at, answer, serves, log, retryMs = RETRY_MS } = options
  const server = createServer(LIMITS, async (request, response) => {
    try {
      respond(response, await answer(request))
    } catch (error) {
      log.error(`${what}: ${request.url} can't be answered: ${(error as Error).message}`)
      respond(response, FAILED)
    }
  })
  const place = hostPort(at.host ?? '::', at.port)
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let failure = ''

  function listen(): void {
    server.listen(at.host === undefined ? { port: at.port } : { host: at.host, port: at.port })
  }

  function onError({ message, code }: NodeJS.ErrnoException): void {
    if (closed) return
    const remedy = code === 'EADDRNOTAVAIL' ? 'No device has this address: choose another' : advice
    if (message !== failure) log.error(`${what}: ${message}. ${remedy}; trying again`)
    failure = message
    // Else it was about one connection (no more descriptors): the server goes on.
    if (!server.listening) timer = setTimeout(listen, retryMs).unref()
  }

  // Probes are no reason for the process to go on.
  server.unref()
  server.on('error', onError).on('listening', () => log.info(`${what}: served at ${place}`))
  if (serves) server.on('connection', (socket: Socket) => serves(localAddress(socket)) || socket.resetAndDestroy())
  listen()
  return {
    close() {
      closed = true
      clearTimeout(timer)
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Where a client has dialled us: the text of an address, without a zone. */
export function localAddress(socket: Socket): string {
  return (socket.localAddress ?? '').replace(/%.*$/, '')
}

/** 200 when it is well, 503 when it is not. */
export function jsonAnswer(well: boolean, body: object, headers: Answer['headers'] = {}): Answer {
  return {
    status: well ? 200 : 503,
    headers: { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff', ...headers },
    body: JSON.stringify(body),
  }
}

function respond(response: ServerResponse, { status, headers, body }: Answer): void {
  // With a length, as kube-proxy answers: probers of load balancers are simple clients.
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) }).end(body)
}
