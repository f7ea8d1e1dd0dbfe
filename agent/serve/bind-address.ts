// SPDX-License-Identifier: Apache-2.0
/** An address and port to listen at, as configurations have it: "0.0.0.0:10256", "[::1]:10256". */
import { isUnspecified, parseAddress } from '../address.ts'

export interface BindAddress {
  /** undefined: every address of both families, whichever of the two wildcards was written; as kube-proxy, and all of Go, does. */
  readonly host: string | undefined
  readonly port: number
}

/** undefined for what is none. */
export function parseBindAddress(text: string): BindAddress | undefined {
  const { bracketed, plain, digits } =
    /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:]+)):(?<digits>\d{1,5})$/.exec(text)?.groups ?? {}
  const address = parseAddress(bracketed ?? plain ?? '')
  const port = Number(digits)
  if (address === undefined || !(port >= 1 && port <= 65_535)) return undefined
  return { host: isUnspecified(address) ? undefined : address.text, port }
}
