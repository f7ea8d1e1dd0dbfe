// SPDX-License-Identifier: Apache-2.0
/** What becomes of a new connection's first packet in rules of iptables: all that may, where chance decides. */
import { parseSave, type Rule } from '../agent/migrate/rules.ts'
import { contains } from './cidr.ts'

export interface Packet {
  readonly source: string
  readonly target: string
  /** "tcp" */
  readonly protocol: string
  readonly port: number
  /** The target is an address of the node. The source never is. */
  readonly isHere: boolean
}

export interface Fate {
  /** "10.244.1.5:8080", sorted. */
  readonly backends: readonly string[]
  /** Without backends; "none": no rule knows it. */
  readonly onEmpty: 'refuse' | 'drop' | 'none'
}

type Verdict = 'accept' | 'refuse' | 'drop' | 'end' | 'return'

interface Walk {
  readonly chains: ReadonlyMap<string, readonly Rule[]>
  readonly packet: Packet
  readonly backends: Set<string>
}

/** `save`: of one family, as iptables-save prints it. */
export function createWalker(save: string): (packet: Packet) => Fate {
  const tables = new Map(
    parseSave(save).map(({ name, chains, rules }) => {
      const byChain = Map.groupBy(rules, ({ chain }) => chain)
      return [name, new Map([...chains.keys()].map(chain => [chain, byChain.get(chain) ?? []]))]
    }),
  )
  return packet => {
    const backends = new Set<string>()
    const walk = (table: string, chain: string) => walkChain({ chains: tables.get(table)!, packet, backends }, chain)
    const nat = walk('nat', 'PREROUTING')
    if (backends.size > 0) return { backends: [...backends].sort(), onEmpty: 'none' }
    const verdict = nat === 'drop' ? nat : walk('filter', packet.isHere ? 'INPUT' : 'FORWARD')
    return { backends: [], onEmpty: verdict === 'refuse' || verdict === 'drop' ? verdict : 'none' }
  }
}

function walkChain(walk: Walk, chain: string): Verdict {
  for (const rule of walk.chains.get(chain) ?? []) {
    const match = matches(rule, walk.packet)
    if (match === 'no') continue
    const verdict = follow(walk, rule)
    // Where chance decides, the other way is gone as well.
    if (verdict !== 'return' && match === 'yes') return verdict
  }
  return 'return'
}

function follow(walk: Walk, { target, words }: Rule): Verdict {
  switch (target) {
    case 'DNAT':
      walk.backends.add(words[words.indexOf('--to-destination') + 1]!)
      return 'end'
    case 'REJECT':
      return 'refuse'
    case 'DROP':
    // The kubelet would drop what has this mark; here there is none.
    case 'KUBE-MARK-DROP':
      return 'drop'
    case 'ACCEPT':
      return 'accept'
    case 'RETURN':
    case 'MARK':
    case '':
      return 'return'
    default:
      if (!walk.chains.has(target)) throw new Error(`a target that this test does not know: ${words.join(' ')}`)
      return walkChain(walk, target)
  }
}

/** Options with as many words behind them, and what they ask; undefined: it says nothing of a first packet. */
const OPTIONS: Readonly<Record<string, readonly [number, ((packet: Packet, value: string) => boolean)?]>> = {
  '-A': [1],
  '-j': [1],
  '-m': [1],
  '--comment': [1],
  '-s': [1, ({ source }, value) => contains(value, source)],
  '-d': [1, ({ target }, value) => contains(value, target)],
  '-p': [1, ({ protocol }, value) => protocol === value],
  '--dport': [1, ({ port }, value) => port === Number(value)],
  '--dst-type': [1, ({ isHere }) => isHere],
  '--src-type': [1, () => false],
  '--physdev-is-in': [0, () => false],
  '--ctstate': [1, (_, value) => value === 'NEW'],
  // What is marked is masqueraded, and let through where the chain FORWARD would drop: neither says who answers.
  '--mark': [1, () => false],
  // Affinity: nobody is known yet.
  '--rcheck': [0, () => false],
  '--set': [0],
  '--reap': [0],
  ...{ '--seconds': [1], '--name': [1], '--mask': [1], '--rsource': [0], '--mode': [1], '--probability': [1] },
  ...{ '--set-xmark': [1], '--to-destination': [1], '--reject-with': [1], '--random-fully': [0] },
}

function matches({ words }: Rule, packet: Packet): 'yes' | 'no' | 'maybe' {
  for (let i = 0; i < words.length; ) {
    const not = words[i] === '!'
    if (not) i++
    const option = OPTIONS[words[i]!]
    if (option === undefined) throw new Error(`a match that this test does not know: ${words.join(' ')}`)
    const [count, asks] = option
    if (asks && asks(packet, words[i + 1]!) === not) return 'no'
    i += 1 + count
  }
  return words.includes('--probability') ? 'maybe' : 'yes'
}
