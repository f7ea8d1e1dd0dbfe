// SPDX-License-Identifier: Apache-2.0
/**
 * Lets the test's own process reach a port of the lab, whose network it is not in: `node bridge.ts SOCKET HOST PORT` accepts on a
 * UNIX socket, which belongs to no network, and connects from where it runs.
 */
import { connect, createServer } from 'node:net'
import { pipeline } from 'node:stream'

const [path = '', host = '', port = ''] = process.argv.slice(2)
const server = createServer({ allowHalfOpen: true }, client => {
  const peer = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true })
  pipeline(client, peer, client, () => undefined)
})
server.listen(path)
