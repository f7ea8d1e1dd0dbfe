// SPDX-License-Identifier: Apache-2.0
/** Which metrics and labels a PromQL expression is about: its names, without a whole parser. */

export interface Selector {
  readonly name: string
  /** Of matchers, and of the aggregations around it. */
  readonly labels: readonly string[]
}

const WORDS = new Set([
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'and',
  'or',
  'unless',
  'bool',
  'offset',
  'inf',
  'nan',
])
const GROUPING = /\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g
/** Not behind a number (5m), and no function. */
const SELECTOR = /(?<![\w.$])([a-zA-Z_:][\w:]*)(?![\w:])\s*(\{[^}]*\})?(?!\s*\()/g
const MATCHER = /([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)/g

/** Throws for an expression without a metric. */
export function namesIn(query: string): readonly Selector[] {
  const groups = [...query.matchAll(GROUPING)].flatMap(([, , list = '']) => list.split(',').map(label => label.trim()))
  const rest = query
    .replace(GROUPING, ' ')
    .replace(/\[[^\]]*\]/g, ' ')
    .replace(/\$\w+/g, '0')
  const strings: string[] = []
  const bare = rest.replace(/"(?:[^"\\]|\\.)*"/g, text => `"${strings.push(text) - 1}"`)
  const found = [...bare.matchAll(SELECTOR)].filter(([, name = '']) => !WORDS.has(name))
  if (found.length === 0) throw new Error(`no metric in: ${query}`)
  return found.map(([, name = '', matchers = '']) => ({
    name,
    labels: [...[...matchers.matchAll(MATCHER)].map(([, label]) => label!), ...groups.filter(Boolean)],
  }))
}
