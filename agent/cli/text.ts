// SPDX-License-Identifier: Apache-2.0
/** Addresses, protocols and times as people read them. */
import { InvalidArgumentError } from 'commander'
import { addressText } from '../kernel/address.ts'
import type { Addr } from '../kernel/layout.gen.ts'
import { PROTOCOLS } from '../reconcile/keys.ts'

/** "10.96.0.10:80" or "[fd00::1]:80". */
export function endpointText(addr: Addr, port: number): string {
  const text = addressText(addr)
  return text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`
}

const NAMES = new Map(Object.entries(PROTOCOLS).map(([name, number]) => [number, name]))

export function protocolText(proto: number): string {
  return NAMES.get(proto) ?? String(proto)
}

/** "5s", "3m12s", "2h5m". */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 60) return `${whole}s`
  if (whole < 3_600) return `${Math.floor(whole / 60)}m${whole % 60}s`
  return `${Math.floor(whole / 3_600)}h${Math.floor((whole % 3_600) / 60)}m`
}

/** For commander's options. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}
