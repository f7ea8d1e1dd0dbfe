// SPDX-License-Identifier: Apache-2.0
/** The network namespaces that have a process in them: those whose sockets can be in use. */
import { readdirSync, readlinkSync } from 'node:fs'

/** A path to each, "/proc/1234/ns/net". A process may end at any time, and its path with it. */
export function networkNamespaces(): string[] {
  const found = new Map<string, string>()
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    const path = `/proc/${pid}/ns/net`
    const identity = identityOf(path)
    if (identity !== undefined && !found.has(identity)) found.set(identity, path)
  }
  return [...found.values()]
}

function identityOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
