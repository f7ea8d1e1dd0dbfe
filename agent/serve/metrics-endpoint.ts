// SPDX-License-Identifier: Apache-2.0
/** /metrics, and what else kube-proxy has at that port: /proxyMode, /configz and its own /healthz. */
import type { IncomingMessage } from 'node:http'
import { API_VERSION } from '../config/schema.ts'
import type { Config } from '../config.ts'
import { CONTENT_TYPES, negotiate } from './metrics/exposition.ts'
import type { Metrics } from './metrics/metrics.ts'
import { type Answer, NOT_FOUND } from './probe-server.ts'

/** As kube-proxy says "nftables". */
const PROXY_MODE = 'ebpf'

const GROUP = API_VERSION.split('/')[0]!

/** The format of /metrics is what the client asks for. */
export async function answerMetrics(
  { url = '', headers }: IncomingMessage,
  metrics: Pick<Metrics, 'expose'>,
  config: Config,
): Promise<Answer> {
  switch (url.split('?', 1)[0]) {
    case '/metrics': {
      const format = negotiate(headers.accept)
      return answer(CONTENT_TYPES[format], await metrics.expose(format))
    }
    case '/proxyMode':
      return answer('text/plain; charset=utf-8', PROXY_MODE)
    case '/configz':
      return answer('application/json', JSON.stringify({ [GROUP]: config }))
    case '/healthz':
      return answer('text/plain; charset=utf-8', 'ok')
    default:
      return NOT_FOUND
  }
}

function answer(type: string, body: string): Answer {
  return { status: 200, headers: { 'Content-Type': type, 'X-Content-Type-Options': 'nosniff' }, body }
}
