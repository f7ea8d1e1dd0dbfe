// SPDX-License-Identifier: Apache-2.0
/** Whether somebody answers at a backend: a TCP connection from this node, closed at once. */
import { connect } from 'node:net'
import { type Finding, problem } from './finding.ts'

const TIMEOUT_MS = 1_000

/** `backends`: "10.244.1.5:8080". */
export async function dialFindings(backends: readonly string[]): Promise<Finding[]> {
  const found = await Promise.all(backends.map(async backend => [backend, await dial(backend)] as const))
  return found.flatMap(([backend, failure]) => (failure === undefined ? [] : [findingOf(backend, failure)]))
}

function dial(backend: string): Promise<string | undefined> {
  const colon = backend.lastIndexOf(':')
  const host = backend.slice(0, colon).replace(/^\[|\]$/g, '')
  const socket = connect({ host, port: Number(backend.slice(colon + 1)) })
  return new Promise<string | undefined>(resolve => {
    socket.setTimeout(TIMEOUT_MS, () => resolve('ETIMEDOUT'))
    socket.once('connect', () => resolve(undefined))
    socket.once('error', error => resolve('code' in error ? String(error.code) : error.message))
  }).finally(() => socket.destroy())
}

function findingOf(backend: string, failure: string): Finding {
  if (failure === 'ECONNREFUSED')
    return problem(
      `${backend} refuses: nobody listens at this port of the Pod`,
      'Is targetPort right? Does the program run?',
    )
  if (failure === 'ETIMEDOUT')
    return problem(
      `${backend} does not answer this node within ${TIMEOUT_MS / 1_000} s`,
      'Is the Pod alive? A NetworkPolicy, or the way to its node (CNI plugin, MTU), may drop packets',
    )
  return problem(
    `${backend} can't be reached from this node: ${failure}`,
    'ip route get its address: the CNI plugin makes routes',
  )
}
