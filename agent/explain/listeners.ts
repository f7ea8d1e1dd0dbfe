// SPDX-License-Identifier: Apache-2.0
/** Processes of this node that listen at a nodePort: it comes first, so they are not heard. */
import { readFileSync } from 'node:fs'
import type { CompiledPort } from '../compile/compiled.ts'
import { addressText } from '../kernel/address.ts'
import type { Dataplane } from '../reconcile/dataplane.ts'
import { type Finding, note } from './finding.ts'

interface Listener {
  /** "0.0.0.0": of IPv4; "::": of both, for nobody can tell whether of IPv6 alone. */
  readonly address: string
  readonly port: number
}

export function listenerFindings({ frontends, protocol }: CompiledPort, { nodeAddrs }: Dataplane): Finding[] {
  const nodePorts = frontends.filter(({ kind }) => kind === 'nodePort')
  if (protocol !== 'TCP' || nodePorts.length === 0) return []
  const served = [...nodeAddrs.entries()].map(([address]) => addressText(address))
  const listeners = tcpListeners()
  const taken = nodePorts.filter(({ address, port }) => {
    const here = served.filter(one => isIPv6(one) === isIPv6(address))
    return listeners.some(listener => listener.port === port && here.some(one => hears(listener, one)))
  })
  return [...new Set(taken.map(({ port }) => port))].map(port =>
    note(
      `a process of this node listens at the nodePort ${port}, too: connections come to the Service, not to it`,
      `ss -ltnp sport = :${port} names it: give one of the two another port`,
    ),
  )
}

function isIPv6(address: string): boolean {
  return address.includes(':')
}

/** Whether it would get what is dialled at this address, were it not for us. */
function hears({ address }: Listener, dialled: string): boolean {
  return address === dialled || address === '::' || (address === '0.0.0.0' && !isIPv6(dialled))
}

function tcpListeners(): Listener[] {
  return ['tcp', 'tcp6'].flatMap(file => [...netFile(file).matchAll(LISTENING)].map(found => listenerOf(found.groups!)))
}

/** proc(5): the local address and port are the second field, the remote ones the third; state 0A is LISTEN. */
const LISTENING = /^ *\d+: (?<address>[0-9A-F]+):(?<port>[0-9A-F]{4}) [0-9A-F]+:0000 0A /gm

/** An address is of words in this machine's byte order, in hexadecimal. */
function listenerOf({ address = '', port = '' }: Readonly<Record<string, string>>): Listener {
  const words = Uint32Array.from(address.match(/.{8}/g) ?? [], word => Number.parseInt(word, 16))
  return { address: addressText(new Uint8Array(words.buffer)), port: Number.parseInt(port, 16) }
}

function netFile(name: string): string {
  try {
    return readFileSync(`/proc/net/${name}`, 'utf8')
  } catch {
    return ''
  }
}
