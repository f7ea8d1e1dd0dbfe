// SPDX-License-Identifier: Apache-2.0

import ipaddr from 'ipaddr.js'
import t from 'tap'
import { compareAddresses, isUnspecified, parseAddress, specialKind } from '../../agent/address.ts'

t.test('text is canonical', t => {
  const wanted: Readonly<Record<string, string>> = {
    '10.0.0.1': '10.0.0.1',
    '255.255.255.255': '255.255.255.255',
    '010.001.00.1': '10.1.0.1',
    '::': '::',
    '::1': '::1',
    '1::': '1::',
    'FD00:0:0:0:0:0:0:1': 'fd00::1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '2001:0:0:1:0:0:0:1': '2001:0:0:1::1',
    '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '64:ff9b::10.0.0.1': '64:ff9b::a00:1',
    '::ffff:10.0.0.1': '10.0.0.1',
    '::ffff:a00:1': '10.0.0.1',
  }
  for (const [text, canonical] of Object.entries(wanted)) t.equal(parseAddress(text)?.text, canonical, text)
  t.end()
})

t.test('what is no address is none', t => {
  const none = [
    '',
    ' ',
    '10',
    '10.0.0',
    '10.0.0.0.1',
    '10.0.0.256',
    '10..0.1',
    '.10.0.0',
    '10.0.0.1 ',
    '1e1.0.0.1',
    '-1.0.0.1',
  ]
  const none6 = [
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8:9',
    'fe80::1%eth0',
    '12345::',
    'g::',
  ]
  const mixed = [
    '1.2.3.4::',
    '::1.2.3',
    '::1.2.3.4.5',
    '::1.2.3.4:1',
    '10.0.0.1:80',
    '[::1]',
    'localhost',
    '10.0.0.1/8',
  ]
  for (const text of [...none, ...none6, ...mixed]) t.equal(parseAddress(text), undefined, `"${text}"`)
  t.end()
})

t.test('random addresses read and sort as another library says', t => {
  const random = (n: number) => Math.floor(Math.random() * n)
  const group = () => (random(2) ? 0 : random(65_536))
  const bytes: number[][] = []
  for (let i = 0; i < 2_000; i++) {
    const groups = Array.from({ length: 8 }, group)
    const address = new ipaddr.IPv6(groups)
    if (address.isIPv4MappedAddress()) continue
    const full = groups.map(value => value.toString(16).padStart(random(4) + 1, '0')).join(':')
    t.equal(parseAddress(full)?.text, address.toRFC5952String(), full) || t.bailout()
    bytes.push(address.toByteArray())
  }
  const texts = bytes.map(one => ipaddr.fromByteArray(one).toString())
  const ours = texts.map(text => parseAddress(text)!).sort(compareAddresses)
  const theirs = bytes.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  t.same(
    ours.map(({ text }) => text),
    theirs.map(one => new ipaddr.IPv6(one).toRFC5952String()),
  )
  t.end()
})

t.test('special addresses are told', t => {
  const kind = (text: string) => specialKind(parseAddress(text)!)
  for (const text of ['127.0.0.1', '127.255.0.1', '::1']) t.equal(kind(text), 'a loopback address', text)
  for (const text of ['169.254.1.1', 'fe80::1', 'febf::1']) t.equal(kind(text), 'a link-local address', text)
  for (const text of ['224.0.0.1', '239.1.1.1', 'ff02::1']) t.equal(kind(text), 'a multicast address', text)
  for (const text of ['10.0.0.1', '192.168.0.1', '240.0.0.1', '2001:db8::1', 'fd00::1', 'fec0::1', '::2'])
    t.equal(kind(text), undefined, text)
  t.ok(isUnspecified(parseAddress('0.0.0.0')!) && isUnspecified(parseAddress('::')!))
  t.notOk(isUnspecified(parseAddress('0.0.0.1')!) || isUnspecified(parseAddress('::1')!))
  t.end()
})
