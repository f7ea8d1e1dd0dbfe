// SPDX-License-Identifier: Apache-2.0
/** The elements of ek_frontends as the agent holds them: the bytes of key and value, each as a text. */
import type { CompiledPort, Frontend } from '../compile/compiled.ts'
import { writeAddress } from '../kernel/address.ts'
import {
  type FrontendKey,
  type Frontend as FrontendValue,
  frontendCodec,
  frontendKeyCodec,
  Scope,
} from '../kernel/layout.gen.ts'
import type { Protocol } from '../objects.ts'
import type { FrontendText, FrontendValueText } from './live.ts'

/** IANA protocol numbers. */
export const PROTOCOLS: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 }

const key = Buffer.alloc(frontendKeyCodec.size)
const addr = Buffer.alloc(16)
const value = Buffer.alloc(frontendCodec.size)

export function frontendText(
  { protocol }: Pick<CompiledPort, 'protocol'>,
  { address, port, scope }: Pick<Frontend, 'address' | 'port' | 'scope'>,
): FrontendText {
  writeAddress(address, addr)
  return keyText({
    addr,
    port,
    proto: PROTOCOLS[protocol],
    scope: scopeOf(scope),
  })
}

/** Of the entry that stands for an address as such. */
export function addressText({ address, scope }: Pick<Frontend, 'address' | 'scope'>): FrontendText {
  writeAddress(address, addr)
  return keyText({ addr, port: 0, proto: 0, scope: scopeOf(scope) })
}

function scopeOf(scope: Frontend['scope']): Scope {
  return scope === 'cluster' ? Scope.CLUSTER : Scope.EXTERNAL
}

export function keyText(fields: FrontendKey): FrontendText {
  frontendKeyCodec.encode(fields, key)
  return key.toString('latin1')
}

export function valueText(fields: FrontendValue): FrontendValueText {
  frontendCodec.encode(fields, value)
  return value.toString('latin1')
}

/** Id of the Service port that it leads to. */
export function serviceIn(text: FrontendValueText): number {
  return frontendCodec.decode(bytesOf([text])).service
}

/** Of keys or values, one behind the other. */
export function bytesOf(texts: Iterable<FrontendText | FrontendValueText>): Buffer {
  return Buffer.from([...texts].join(''), 'latin1')
}

export function frontendKey(text: FrontendText): FrontendKey {
  return frontendKeyCodec.decode(bytesOf([text]))
}
