// SPDX-License-Identifier: Apache-2.0
/** What `evenkeel explain` is asked about: a Service by its name, or what a client dials. */
import { parseAddress } from '../address.ts'

export type Target =
  | { readonly kind: 'service'; readonly key: string /** Name or number; empty: all. */; readonly port: string }
  | { readonly kind: 'address'; readonly address: string; readonly port: number; readonly protocol: string | undefined }

/** "web", "shop/web", "shop/web:http", "shop/web:80", "10.96.0.10:80", "[fd00::1]:53/UDP"; undefined for anything else. */
export function parseTarget(text: string): Target | undefined {
  return addressTarget(text) ?? serviceTarget(text)
}

function addressTarget(text: string): Target | undefined {
  const { bracketed, plain, port, protocol } =
    /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[\d.]+)):(?<port>\d{1,5})(?:\/(?<protocol>TCP|UDP|SCTP))?$/i.exec(text)
      ?.groups ?? {}
  const address = parseAddress(bracketed ?? plain ?? '')
  if (address === undefined || Number(port) > 65_535) return undefined
  return { kind: 'address', address: address.text, port: Number(port), protocol: protocol?.toUpperCase() }
}

function serviceTarget(text: string): Target | undefined {
  const { namespace, name, port } =
    /^(?:(?<namespace>[a-z0-9-]+)\/)?(?<name>[a-z0-9-]+)(?::(?<port>[a-z0-9-]+))?$/.exec(text)?.groups ?? {}
  if (name === undefined) return undefined
  return { kind: 'service', key: `${namespace ?? 'default'}/${name}`, port: port ?? '' }
}
