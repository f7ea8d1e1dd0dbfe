// SPDX-License-Identifier: Apache-2.0
/**
 * /healthz, for load balancers, and /livez, for the kubelet: status and body as kube-proxy's (pkg/proxy/healthcheck), the times in
 * RFC 3339.
 */
import type { IncomingMessage } from 'node:http'
import type { Health } from './health.ts'
import { type Answer, jsonAnswer } from './probe-server.ts'

const NOT_FOUND: Answer = { status: 404, headers: { 'Content-Type': 'text/plain' }, body: '404 page not found\n' }

export function answerHealth({ url = '' }: IncomingMessage, health: Health): Answer {
  const [path] = url.split('?', 1)
  if (path !== '/healthz' && path !== '/livez') return NOT_FOUND
  const { healthy, lastUpdated, currentTime, nodeEligible } = health.report()
  if (path === '/livez') return jsonAnswer(healthy, { lastUpdated, currentTime })
  return nodeEligible
    ? jsonAnswer(healthy, { lastUpdated, currentTime, nodeEligible })
    : jsonAnswer(false, { lastUpdated, currentTime, nodeEligible })
}
