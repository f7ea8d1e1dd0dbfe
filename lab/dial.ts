// SPDX-License-Identifier: Apache-2.0
/**
 * A client for tests and the demo: opens connections or sends datagrams and writes one line of JSON for each outcome, as it
 * comes. Runs inside a place of the lab: `node lab/dial.ts '[{"protocol":"http","address":"10.96.0.1","port":80}]'`, or with `-`
 * for lists of options on its input.
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ExecResult, failed } from './command.ts'
import { isPattern, patternBytes } from './pattern.ts'

export interface DialOptions {
  readonly protocol: 'http' | 'udp'
  readonly address: string
  readonly port: number
  /** How many; default 1. */
  readonly count?: number
  /** In place of count: for so many seconds, one after the other. */
  readonly seconds?: number
  /** At most so many at a time; default 1. */
  readonly parallel?: number
  /** Milliseconds of rest after each; default 0. */
  readonly pause?: number
  /** Milliseconds for each; default 5,000. */
  readonly timeout?: number
  /** Bytes of request body (HTTP: then a POST) or of payload; default 0 and 4. */
  readonly size?: number
  /** HTTP; default /. */
  readonly path?: string
  /** One connection or socket for all, not one each. */
  readonly shared?: boolean
  /** UDP: a connected socket. */
  readonly connected?: boolean
  /** Source port; default any. */
  readonly localPort?: number
}

/** One outcome. */
export interface Dialled {
  /** The name of the pod that answered. */
  readonly pod?: string
  /** What it said, unless that is long. */
  readonly answer?: string
  /** Length of what it said; a path of the server's pattern that does not match it is an error. */
  readonly bytes?: number
  /** Where the answer came from and what it was sent to: "ADDRESS PORT". */
  readonly from?: string
  readonly to?: string
  /** "ECONNREFUSED", "ETIMEDOUT" and the like. */
  readonly error?: string
  /** Milliseconds from the start of the attempt to its outcome. */
  readonly ms: number
}

const LONGEST_ANSWER = 1024

/** The command line of a client that does one after the other. */
export function dialArguments(...options: readonly DialOptions[]): string[] {
  return [process.execPath, '--max-semi-space-size=2', join(import.meta.dirname, 'dial.ts'), JSON.stringify(options)]
}

/** The command line of a client that reads such lists, one a line, and ends what it says to each with an empty line. */
export function servingDialler(): string[] {
  return [process.execPath, '--max-semi-space-size=2', join(import.meta.dirname, 'dial.ts'), '-']
}

export function readDialled(result: ExecResult): Dialled[] {
  if (result.code !== 0) throw failed('the dialler', result)
  return result.stdout
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line))
}

type Attempt = (options: DialOptions) => Promise<Omit<Dialled, 'ms'>>

interface Dialler {
  readonly attempt: Attempt
  /** Closes what was shared. */
  readonly end: () => void
}

class DialError extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

/** A new connection for each, unless they are to share one. */
function httpDialler({ shared }: DialOptions): Dialler {
  const agent = shared ? new Agent({ keepAlive: true, maxSockets: 1 }) : undefined
  const attempt: Attempt = async options => {
    const { address, port, path = '/', localPort, timeout = 5000, size = 0 } = options
    const signal = AbortSignal.timeout(timeout)
    const method = size > 0 ? 'POST' : 'GET'
    const sent = request({
      host: address,
      port,
      path,
      agent: agent ?? false,
      method,
      signal,
      ...(localPort && { localPort }),
    })
    for (let offset = 0; offset < size; offset += 65536)
      sent.write(patternBytes(offset, Math.min(65536, size - offset)))
    sent.end()
    try {
      const [response] = (await once(sent, 'response')) as [IncomingMessage]
      // Before the end of the response: a shared connection is taken from it then.
      return { ...endsOf(response), ...(await readResponse(response, path)) }
    } catch (error) {
      throw signal.aborted ? new DialError('ETIMEDOUT') : error
    }
  }
  return { attempt, end: () => agent?.destroy() }
}

function endsOf({ socket }: IncomingMessage): Pick<Dialled, 'from' | 'to'> {
  return { from: `${socket.remoteAddress} ${socket.remotePort}`, to: `${socket.localAddress} ${socket.localPort}` }
}

async function readResponse(response: IncomingMessage, path: string): Promise<Omit<Dialled, 'ms'>> {
  const patterned = /^\/(bytes|trickle)\//.test(path)
  const kept: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (patterned && !isPattern(chunk, bytes)) throw new DialError('EBADMSG')
    if (bytes + chunk.length <= LONGEST_ANSWER) kept.push(chunk)
    bytes += chunk.length
  }
  const pod = response.headers['x-pod']
  const said = bytes <= LONGEST_ANSWER && !patterned ? { answer: Buffer.concat(kept).toString().trim() } : {}
  return { ...(typeof pod === 'string' && { pod }), ...said, bytes }
}

async function openUdp({ address, port, connected, localPort }: DialOptions): Promise<Socket> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  socket.bind(localPort ?? 0)
  await once(socket, 'listening')
  if (connected) {
    socket.connect(port, address)
    await once(socket, 'connect')
  }
  return socket
}

async function udpDialler(options: DialOptions): Promise<Dialler> {
  const common = options.shared ? await openUdp(options) : undefined
  const attempt: Attempt = async options => {
    const socket = common ?? (await openUdp(options))
    try {
      return await exchange(socket, options)
    } finally {
      if (!common) socket.close()
    }
  }
  return { attempt, end: () => common?.close() }
}

/** Sends one datagram and takes the next one that comes. */
async function exchange(socket: Socket, options: DialOptions): Promise<Omit<Dialled, 'ms'>> {
  const { address, port, connected, size = 4, timeout = 5000 } = options
  const payload = patternBytes(0, size)
  const signal = AbortSignal.timeout(timeout)
  const received = once(socket, 'message', { signal })
  const done = (error: Error | null) => error && socket.emit('error', error)
  if (connected) socket.send(payload, done)
  else socket.send(payload, port, address, done)
  try {
    const [message, from] = (await received) as [Buffer, { address: string; port: number }]
    return readDatagram(message, size, from, socket)
  } catch (error) {
    throw signal.aborted ? new DialError('ETIMEDOUT') : error
  }
}

function readDatagram(
  message: Buffer,
  size: number,
  from: { address: string; port: number },
  socket: Socket,
): Omit<Dialled, 'ms'> {
  const [pod = '', address, port] = message.subarray(0, 200).toString('latin1').split(' ')
  const head = `${pod} ${address} ${port} `
  if (!isPattern(message.subarray(head.length), 0) || message.length < Math.min(size + head.length, 65507))
    throw new DialError('EBADMSG')
  const ends = { from: `${from.address} ${from.port}`, to: `${socket.address().address} ${socket.address().port}` }
  return { pod, answer: `${address} ${port}`, bytes: message.length, ...ends }
}

async function dialOnce(attempt: Attempt, options: DialOptions): Promise<void> {
  const began = performance.now()
  const outcome = await attempt(options).catch(error => ({ error: codeOf(error) }))
  const ms = Math.round((performance.now() - began) * 1000) / 1000
  process.stdout.write(`${JSON.stringify({ ...outcome, ms })}\n`)
  if (options.pause) await sleep(options.pause)
}

async function dial(options: DialOptions): Promise<void> {
  const { count = 1, seconds, parallel = 1 } = options
  const { attempt, end: close } = options.protocol === 'http' ? httpDialler(options) : await udpDialler(options)
  const end = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1000
  let left = seconds === undefined ? count : Number.POSITIVE_INFINITY
  const worker = async () => {
    while (left-- > 0 && performance.now() < end) await dialOnce(attempt, options)
  }
  await Promise.all(Array.from({ length: parallel }, worker))
  close()
}

async function dialAll(text: string): Promise<void> {
  for (const options of JSON.parse(text) as readonly DialOptions[]) await dial(options)
}

async function serve(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    await dialAll(line)
    process.stdout.write('\n')
  }
}

if (import.meta.main) {
  const [, , text = '[]'] = process.argv
  await (text === '-' ? serve() : dialAll(text))
  // A shared connection would keep the process waiting.
  process.exit()
}
