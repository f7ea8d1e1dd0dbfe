// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { inOwnNetwork } from '../own-network.ts'
import { sendDatagrams, veth } from './devices.ts'
import { compile, fine, load, runs } from './object.ts'

const LINK_XDP = 6
const XDP_FLAGS_SKB_MODE = 2
const XDP_FLAGS_DRV_MODE = 4

if (inOwnNetwork(import.meta.filename)) {
  const elf = compile('bridge')
  for (const [name, flags] of [
    ['native', XDP_FLAGS_DRV_MODE],
    ['generic', XDP_FLAGS_SKB_MODE],
  ] as const)
    t.test(`an XDP link sees packets, ${name}`, async t => {
      const loaded = load(elf)
      const { far } = veth(t, 'xdev')
      const link = fine(bridge.attachXdp(loaded.program('xdp_count'), far, flags))
      t.match(bridge.linkInfo(link), { type: LINK_XDP, ifindex: far, attachType: 0 })
      const before = runs(loaded)
      await sendDatagrams(10)
      t.ok(runs(loaded) >= before + 10)
      t.equal(bridge.attachXdp(loaded.program('xdp_count'), far, flags), -constants.errno.EBUSY)
      bridge.close(link)
      const after = runs(loaded)
      await sendDatagrams(10)
      t.equal(runs(loaded), after)
      loaded.close()
    })
}
