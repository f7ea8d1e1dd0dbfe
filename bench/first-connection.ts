// SPDX-License-Identifier: Apache-2.0
/** `node first-connection.ts ADDRESS PORT`: dials every 10 ms until one connection opens, then prints when that was dialled (ms since 1970). */
import { connect } from 'node:net'

const EVERY_MS = 10
const TIMEOUT_MS = 1_000

const [host = '', port = ''] = process.argv.slice(2)

function dial(): void {
  const began = performance.timeOrigin + performance.now()
  const socket = connect({ host, port: Number(port), timeout: TIMEOUT_MS })
  socket.on('error', () => undefined)
  socket.on('timeout', () => socket.destroy())
  socket.on('connect', () => {
    process.stdout.write(`${began}\n`, () => process.exit())
  })
}

setInterval(dial, EVERY_MS)
process.stdout.write('dialling\n')
