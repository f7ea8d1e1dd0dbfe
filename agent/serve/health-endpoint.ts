// SPDX-License-Identifier: Apache-2.0
/**
 * /healthz, for load balancers, and /livez, for the kubelet: status and body as kube-proxy's (pkg/proxy/healthcheck), the times in
 * RFC 3339.
 */
import type { IncomingMessage } from 'node:http'
import type { Health } from './health.ts'
import { type Answer, jsonAnswer, NOT_FOUND } from './probe-server.ts'

export function answerHealth({ url = '' }: IncomingMessage, health: Health): Answer {
  const [path] = url.split('?', 1)
  if (path !== '/healthz' && path !== '/livez') return NOT_FOUND
  const { healthy, lastUpdated, currentTime, nodeEligible, sourceError } = health.report()
  // Left out of JSON while it is undefined.
  const body = { lastUpdated, currentTime, sourceError }
  return path === '/livez' ? jsonAnswer(healthy, body) : jsonAnswer(healthy && nodeEligible, { ...body, nodeEligible })
}
