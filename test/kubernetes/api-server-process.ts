// SPDX-License-Identifier: Apache-2.0
/**
 * A fake API server as a process of its own: `node api-server-process.ts ADDRESS PORT VERSION`. Each line of its input is an
 * object to put, or {"delete": "NAME", "kind": "KIND"}; it says "serving" when the objects before the first empty line are there.
 */
import { createInterface } from 'node:readline'
import { startApiServer } from './api-server.ts'
import { createStore } from './api-store.ts'

const [host = '127.0.0.1', port = '0', version = '1000'] = process.argv.slice(2)
const store = createStore(Number(version))
for await (const line of createInterface({ input: process.stdin })) {
  if (line === '') {
    // Like one that has just started: what was before is not in its watch cache.
    store.compacted = store.version
    await startApiServer({ host, port: Number(port), store })
    process.stdout.write('serving\n')
    continue
  }
  const object = JSON.parse(line)
  if (object.delete) store.delete(object.kind, object.delete)
  else store.put(object)
}
process.exit()
