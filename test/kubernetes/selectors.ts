// SPDX-License-Identifier: Apache-2.0
/** labelSelector and fieldSelector, as far as they are used. */
import type { Selects } from './api-store.ts'

export function selectorOf(query: URLSearchParams): Selects {
  const labels = (query.get('labelSelector') ?? '').split(',').filter(Boolean).map(labelRequirement)
  const fields = (query.get('fieldSelector') ?? '').split(',').filter(Boolean).map(fieldRequirement)
  return object => [...labels, ...fields].every(holds => holds(object))
}

function labelRequirement(text: string): Selects {
  if (!/^!?[\w./-]+$/.test(text)) throw new Error(`a label selector that this server does not know: ${text}`)
  if (text.startsWith('!')) return ({ metadata: { labels } }) => labels?.[text.slice(1)] === undefined
  return ({ metadata: { labels } }) => labels?.[text] !== undefined
}

function fieldRequirement(text: string): Selects {
  const name = /^metadata\.name=(.+)$/.exec(text)?.[1]
  if (name === undefined) throw new Error(`a field selector that this server does not know: ${text}`)
  return ({ metadata }) => metadata.name === name
}
