// SPDX-License-Identifier: Apache-2.0
/** Probes of health endpoints on this machine's loopback, for tests that run in a namespace of their own. */
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { pino } from 'pino'
import { ip } from '../own-network.ts'

export interface Probed {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface ProbeOptions {
  readonly host?: string
  readonly path?: string
  readonly method?: string
}

/** Rejects with the error of the socket. */
export async function probe(port: number, options: ProbeOptions = {}): Promise<Probed> {
  const { host = '127.0.0.1', path = '/healthz', method = 'GET' } = options
  const sent = request({ host, port, path, method, agent: false }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }
}

/** The status, or the code of the error. */
export async function statusOf(port: number, options?: ProbeOptions): Promise<number | string> {
  return probe(port, options).then(
    ({ status }) => status,
    error => String(error.code),
  )
}

export interface Logged {
  readonly level: number
  readonly msg: string
}

/** A logger that keeps what it is told. */
export function keptLog(): { readonly log: pino.Logger; readonly errors: () => string[] } {
  const lines: Logged[] = []
  const log = pino({ level: 'debug' }, { write: text => void lines.push(JSON.parse(text)) })
  return { log, errors: () => lines.filter(({ level }) => level >= 50).map(({ msg }) => msg) }
}

export function loopbackUp(): void {
  ip('link', 'set', 'lo', 'up')
}
