// SPDX-License-Identifier: Apache-2.0
/**
 * A fake API server as a process of its own: `node api-server-process.ts OPTIONS` with ProcessOptions as JSON. Each line of its
 * input is an object to put, or {"delete": "NAME", "kind": "KIND"}; it says "serving" when the objects before the first empty line
 * are there.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type FakeServer, startApiServer } from './api-server.ts'
import { createStore } from './api-store.ts'

export interface ProcessOptions {
  readonly host: string
  readonly port: number
  /** Versions begin above. */
  readonly version: number
  /** Files of the server's certificate and key, and of the authority that clients' certificates must be of. */
  readonly initialEvents?: FakeServer['initialEvents']
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa: string }
}

const { host, port, version, initialEvents = 'refused', tls } = JSON.parse(process.argv[2] ?? '') as ProcessOptions
const read = { cert: tls?.cert, key: tls?.key, ca: tls?.clientCa }
const files = Object.fromEntries(Object.entries(read).map(([name, file]) => [name, file && readFileSync(file)]))
const store = createStore(version)
for await (const line of createInterface({ input: process.stdin })) {
  if (line === '') {
    // Like one that has just started: what was before is not in its watch cache.
    store.compacted = store.version
    const server = await startApiServer({ host, port, store, ...(tls && { tls: { ...files, requestCert: true } }) })
    server.initialEvents = initialEvents
    process.stdout.write('serving\n')
    continue
  }
  const object = JSON.parse(line)
  if (object.delete) store.delete(object.kind, object.delete)
  else store.put(object)
}
process.exit()
