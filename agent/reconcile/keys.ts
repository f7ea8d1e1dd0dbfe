// SPDX-License-Identifier: Apache-2.0
/** From compiled objects to the keys of ek_frontends, and how the agent holds them: twenty bytes as a string. */
import type { CompiledPort, Frontend } from '../compile/compiled.ts'
import { writeAddress } from '../kernel/address.ts'
import { type FrontendKey, frontendKeyCodec, Scope } from '../kernel/layout.gen.ts'
import type { Protocol } from '../objects.ts'
import type { FrontendText } from './live.ts'

/** IANA protocol numbers. */
export const PROTOCOLS: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 }

const key = Buffer.alloc(frontendKeyCodec.size)
const addr = Buffer.alloc(16)

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

export function keyText(value: FrontendKey): FrontendText {
  frontendKeyCodec.encode(value, key)
  return key.toString('latin1')
}

export function frontendKey(text: FrontendText): FrontendKey {
  return frontendKeyCodec.decode(Buffer.from(text, 'latin1'))
}
