// SPDX-License-Identifier: Apache-2.0
/**
 * Opens TCP connections as fast as it can, each closed with a RST at once, so that ports never run out:
 * `node connect.ts ADDRESS PORT SECONDS`. Says "ready" after the first one, and in the end what they came to.
 */
import { once } from 'node:events'
import { connect } from 'node:net'

export interface Connected {
  readonly connected: number
  /** How many, by error. */
  readonly failed: Readonly<Record<string, number>>
}

const PARALLEL = 4
const TIMEOUT_MS = 5000

async function attempt(host: string, port: number): Promise<string | undefined> {
  const socket = connect({ host, port })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(TIMEOUT_MS) })
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  } finally {
    socket.resetAndDestroy()
  }
}

async function connectFor(host: string, port: number, seconds: number): Promise<Connected> {
  const end = performance.now() + seconds * 1000
  const failed: Record<string, number> = {}
  let connected = 0
  const worker = async () => {
    while (performance.now() < end) {
      const error = await attempt(host, port)
      if (error !== undefined) failed[error] = (failed[error] ?? 0) + 1
      else if (connected++ === 0) process.stdout.write('ready\n')
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
  return { connected, failed }
}

if (import.meta.main) {
  const [, , host, port, seconds] = process.argv
  process.stdout.write(`${JSON.stringify(await connectFor(host!, Number(port), Number(seconds)))}\n`)
}
