// SPDX-License-Identifier: Apache-2.0
/** From compiled objects to the keys of maps. */
import type { Backend, CompiledPort, Frontend } from '../compile/compiled.ts'
import { addressBytes } from '../kernel/address.ts'
import { type FrontendKey, Scope } from '../kernel/layout.gen.ts'
import type { Protocol } from '../objects.ts'
import type { BackendText, FrontendText } from './live.ts'

/** IANA protocol numbers. */
export const PROTOCOLS: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 }

export function backendText(backend: Pick<Backend, 'address' | 'port'>): BackendText {
  return `${backend.address} ${backend.port}`
}

export function frontendKey(port: Pick<CompiledPort, 'protocol'>, frontend: Frontend): FrontendKey {
  return {
    addr: addressBytes(frontend.address),
    port: frontend.port,
    proto: PROTOCOLS[port.protocol],
    scope: frontend.scope === 'cluster' ? Scope.CLUSTER : Scope.EXTERNAL,
  }
}

/** The key of the entry that stands for an address as such. */
export function addressKey(address: string): FrontendKey {
  return { addr: addressBytes(address), port: 0, proto: 0, scope: Scope.CLUSTER }
}

export function frontendText(key: FrontendKey): FrontendText {
  return `${Buffer.from(key.addr).toString('hex')} ${key.port} ${key.proto} ${key.scope}`
}
