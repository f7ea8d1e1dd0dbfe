// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { reservePorts } from '../../agent/kernel/reserved-ports.ts'
import { inOwnNetwork } from '../own-network.ts'

const SYSCTL = '/proc/sys/net/ipv4/ip_local_reserved_ports'
const reserved = () => readFileSync(SYSCTL, 'utf8').trim()

if (inOwnNetwork(import.meta.filename))
  t.test('a range is added to what is there, once', t => {
    for (const [before, range, after] of [
      ['', '30000-32767', '30000-32767'],
      ['8080,9000-9100', '30000-32767', '8080,9000-9100,30000-32767'],
      ['8080,30000-32767', '30000-32767', '8080,30000-32767'],
      ['29000-33000', '30000-32767', '29000-33000'],
      ['30500', '30000-32767', '30000-32767'],
      ['8080', '9090', '8080,9090'],
    ] as const) {
      writeFileSync(SYSCTL, before)
      const changed = before !== after
      t.equal(reservePorts(range), changed, `"${before}" and ${range}`)
      t.equal(reserved(), after)
      t.equal(reservePorts(range), false, 'again')
      t.equal(reserved(), after)
    }
    t.end()
  })
