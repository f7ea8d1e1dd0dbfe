// SPDX-License-Identifier: Apache-2.0
/** What iptables-save and ip6tables-save print (either variant). Lines are kept as they are, so that they can be given back. */

export interface Rule {
  /** "-A KUBE-SERVICES -d 10.96.0.1/32 ... -j KUBE-SVC-..." */
  readonly text: string
  readonly chain: string
  /** From 1, in its chain. */
  readonly position: number
  /** Behind -j or -g; empty when it has none. */
  readonly target: string
  readonly comment: string
  /** All words, without quotes. */
  readonly words: readonly string[]
}

export interface Table {
  readonly name: string
  /** Chains by name; the policy of a built-in one, "-" of others. */
  readonly chains: ReadonlyMap<string, string>
  readonly rules: readonly Rule[]
}

/** Lines begin with '*' (table), ':' (chain) or '-A' (rule); '#' and COMMIT say nothing. */
export function parseSave(text: string): Table[] {
  const tables: { name: string; chains: Map<string, string>; rules: Rule[] }[] = []
  const positions = new Map<string, number>()
  for (const line of text.split('\n')) {
    const table = tables.at(-1)
    if (line.startsWith('*')) {
      tables.push({ name: line.slice(1).trim(), chains: new Map(), rules: [] })
      positions.clear()
    } else if (line.startsWith(':')) {
      const [chain = '', policy = '-'] = line.slice(1).split(' ')
      table?.chains.set(chain, policy)
    } else if (line.startsWith('-A ')) {
      const words = wordsOf(line)
      const chain = words[1] ?? ''
      const position = (positions.get(chain) ?? 0) + 1
      positions.set(chain, position)
      table?.rules.push({ text: line, chain, position, words, ...parts(words) })
    }
  }
  return tables
}

function parts(words: readonly string[]): Pick<Rule, 'target' | 'comment'> {
  return { target: after(words, '-j') ?? after(words, '-g') ?? '', comment: after(words, '--comment') ?? '' }
}

/** The word behind an option. */
export function after(words: readonly string[], option: string): string | undefined {
  const at = words.indexOf(option)
  return at < 0 ? undefined : words[at + 1]
}

/** Words in double quotes have their quotes and backslashes escaped by a backslash. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '',
  )
}
