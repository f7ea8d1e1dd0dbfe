// SPDX-License-Identifier: Apache-2.0
/** A line about a packet names what matters and says what is wrong. */
import t from 'tap'
import { describe } from './describe.ts'
import { ethernet } from './ethernet.ts'
import { hopByHop } from './extension.ts'
import { icmp4 } from './icmp4.ts'
import { ipv4 } from './ipv4.ts'
import { ipv6 } from './ipv6.ts'
import { tcp } from './tcp.ts'
import { udp } from './udp.ts'

const SYN = ipv4({ src: '10.0.0.1', dst: '10.96.0.1' }, tcp({ sport: 1000, dport: 80, flags: 'S' }))
const LINK = '02:00:00:00:00:01 > 02:00:00:00:00:02'

t.test('TCP in a VLAN', async t => {
  const line = `${LINK} vlan 5 IP 10.0.0.1:1000 > 10.96.0.1:80 ttl 64 len 40: tcp [S] seq 1 ack 0 sum 9748 data 0`
  t.equal(describe(ethernet({ tags: [5] }, SYN)), line)
})

t.test('an ICMP error and the packet that it quotes', async t => {
  const frame = ethernet({}, ipv4({ src: '10.0.0.2', dst: '10.0.0.1' }, icmp4({ type: 3, code: 3, payload: SYN })))
  t.match(describe(frame), /icmp4 type 3 code 3 .* \{IP 10\.0\.0\.1:1000 > 10\.96\.0\.1:80 .*, 40 bytes\}$/)
})

t.test('IPv6 with an extension header and a wrong checksum', async t => {
  const packet = ipv6(
    { src: 'fd00::1', dst: 'fd00::2', extensions: [hopByHop()] },
    udp({ sport: 5, dport: 6, checksum: 0xbad }),
  )
  t.match(
    describe(ethernet({}, packet)),
    /IP6 \[fd00::1\]:5 > \[fd00::2\]:6 .* ext \[0\]: udp sum 0bad .*\(udp checksum is wrong\)$/,
  )
})

t.test('bytes that are no frame', async t => {
  t.equal(describe(Buffer.from('0102', 'hex')), '2 bytes: 0102')
})
