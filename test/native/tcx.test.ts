// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { inOwnNetwork } from '../own-network.ts'
import { sendDatagrams, veth } from './devices.ts'
import { compile, fine, good, load, runs } from './object.ts'

const TCX_INGRESS = 46
const TCX_EGRESS = 47
const LINK_TCX = 11

if (inOwnNetwork(import.meta.filename)) {
  const elf = compile('bridge')

  t.test('a tcx link runs its program, takes another one and detaches', async t => {
    const loaded = load(elf)
    const { near, far } = veth(t, 'tcx')
    const link = fine(bridge.attachTcx(loaded.program('count_and_pass'), far, TCX_INGRESS))
    const programId = good(bridge.programInfo(loaded.program('count_and_pass'))).id
    t.match(bridge.linkInfo(link), { type: LINK_TCX, programId, ifindex: far, attachType: TCX_INGRESS })
    const before = runs(loaded)
    await sendDatagrams(10)
    t.ok(runs(loaded) >= before + 10)

    const egress = fine(bridge.attachTcx(loaded.program('count_and_pass'), near, TCX_EGRESS))
    t.match(bridge.linkInfo(egress), { ifindex: near, attachType: TCX_EGRESS })
    t.equal(bridge.linkUpdate(egress, loaded.program('count_and_drop')), 0)
    const dropId = good(bridge.programInfo(loaded.program('count_and_drop'))).id
    t.equal(good(bridge.linkInfo(egress)).programId, dropId)

    t.equal(bridge.linkDetach(link), 0)
    t.match(bridge.linkInfo(link), { programId, ifindex: 0 }, 'detached')
    t.equal(bridge.close(egress), 0)
    bridge.close(link)
    const after = runs(loaded)
    await sendDatagrams(10)
    t.equal(runs(loaded), after, 'closing the descriptor of a link without a pin detaches it')
    loaded.close()
  })

  t.test('a pinned link outlives its descriptor', async t => {
    const folder = `/sys/fs/bpf/evenkeel-test-link-${process.pid}`
    mkdirSync(folder)
    t.teardown(() => rmSync(folder, { recursive: true }))
    const loaded = load(elf)
    const { far } = veth(t, 'tcx')
    const link = fine(bridge.attachTcx(loaded.program('count_and_pass'), far, TCX_INGRESS))
    t.equal(bridge.pin(link, `${folder}/link`), 0)
    const { id } = good(bridge.linkInfo(link))
    bridge.close(link)
    const before = runs(loaded)
    await sendDatagrams(10)
    t.ok(runs(loaded) >= before + 10)
    const again = fine(bridge.openPinned(`${folder}/link`))
    t.equal(good(bridge.linkInfo(again)).id, id)
    t.equal(bridge.linkDetach(again), 0)
    bridge.close(again)
    loaded.close()
  })

  t.test('no such device, no such program', async t => {
    const loaded = load(elf)
    t.equal(bridge.attachTcx(loaded.program('count_and_pass'), 123456, TCX_INGRESS), -constants.errno.ENODEV)
    t.ok(bridge.attachTcx(loaded.program('xdp_count'), 1, TCX_INGRESS) < 0, 'XDP programs are not for tc')
    t.ok(bridge.attachTcx(loaded.map('plain'), 1, TCX_INGRESS) < 0)
    t.throws(() => bridge.attachTcx(loaded.program('count_and_pass'), 1, 45), RangeError)
    t.equal(bridge.linkInfo(loaded.program('count_and_pass')), -constants.errno.EINVAL)
    loaded.close()
  })
}
