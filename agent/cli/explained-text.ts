// SPDX-License-Identifier: Apache-2.0
/** What `evenkeel explain` prints for people. */
import type { EndpointRow } from '../explain/endpoints.ts'
import type { ExplainedPort } from '../explain/explain.ts'
import type { Finding } from '../explain/finding.ts'
import type { Explained } from './explain.ts'
import { formatTable } from './output.ts'
import type { LiveService } from './services.ts'

const HINT = '. --dial connects to each TCP backend.'
const BACKENDS_TOO = ', and its TCP backends answer this node.'

/** `dialled`: backends were, too. */
export function explainedText({ service, findings, ports }: Explained, dialled: boolean): string {
  const parts = [...ports.map(portText), ...findings.map(findingText)]
  const trouble = [...findings, ...ports.flatMap(port => port.findings)].some(({ severity }) => severity === 'problem')
  const end = trouble
    ? ''
    : `Nothing is wrong that objects and maps could tell${dialled ? BACKENDS_TOO : HINT}
`
  return [`Service ${service}\n`, ...parts, end].filter(Boolean).join('\n')
}

/** Of an endpoint each, before the rest is only counted. */
const SHOWN = 20

function portText({ name, frontends, endpoints, findings }: ExplainedPort): string {
  const rows = [...endpoints].sort((a, b) => Number(b.serves.length > 0) - Number(a.serves.length > 0))
  const tables = [
    frontends.length > 0
      ? formatTable(['dialled', 'from', 'goes to', 'connections', 'rejected'], frontends.map(frontendRow))
      : 'no frontends in the kernel',
    ...(rows.length > 0
      ? [formatTable(['endpoint', 'node', 'state', 'serves'], rows.slice(0, SHOWN).map(endpointRow))]
      : []),
    ...(rows.length > SHOWN ? [`and ${rows.length - SHOWN} more (-o json has all)`] : []),
  ]
  return [`${name}`, ...tables, ...findings.map(finding => findingText(finding).trimEnd()), ''].join('\n')
}

function frontendRow({
  frontend,
  scope,
  backends,
  onEmpty,
  affinitySeconds,
  connections,
  rejected,
}: LiveService): string[] {
  const [count] = [backends.length]
  const sticky = affinitySeconds > 0 ? `, ClientIP ${affinitySeconds}s` : ''
  const empty = onEmpty === 'drop' ? 'nobody: dropped (NO_LOCAL_ENDPOINTS)' : 'nobody: refused (NO_ENDPOINTS)'
  const goes = count === 0 ? empty : `${count} ${count === 1 ? 'endpoint' : 'endpoints'}${sticky}`
  return [frontend, scope === 'cluster' ? 'the cluster' : 'outside', goes, String(connections), String(rejected)]
}

function endpointRow({ endpoint, node, local, state, serves }: EndpointRow): string[] {
  return [endpoint, `${node || '(unknown)'}${local ? ' (here)' : ''}`, state, serves.join(', ') || 'nobody']
}

function findingText({ severity, what, remedy }: Finding): string {
  return `${severity}: ${what}\n  ${remedy}\n`
}
