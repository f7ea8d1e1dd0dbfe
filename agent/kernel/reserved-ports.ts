// SPDX-License-Identifier: Apache-2.0
/** net.ipv4.ip_local_reserved_ports: ports that connections do not get as their own (both families, TCP, UDP and SCTP). */
import { readFileSync, writeFileSync } from 'node:fs'

const SYSCTL = '/proc/sys/net/ipv4/ip_local_reserved_ports'

interface Span {
  readonly from: number
  readonly to: number
}

/** "8080,30000-32767" */
function parse(text: string): Span[] {
  const parts = text.trim().split(',').filter(Boolean)
  return parts.map(part => {
    const [from, to] = part.split('-').map(Number)
    return { from: from ?? 0, to: to ?? from ?? 0 }
  })
}

/** As they are in this network namespace; empty: none. */
export function reservedPorts(): string {
  return readFileSync(SYSCTL, 'utf8').trim()
}

/** Adds a range ("30000-32767") in this network namespace; what is reserved already stays. Whether it had to. */
export function reservePorts(range: string): boolean {
  const text = reservedPorts()
  const wanted = parse(range)
  const missing = wanted.some(({ from, to }) => !parse(text).some(span => span.from <= from && to <= span.to))
  if (missing) writeFileSync(SYSCTL, text === '' ? range : `${text},${range}`)
  return missing
}
