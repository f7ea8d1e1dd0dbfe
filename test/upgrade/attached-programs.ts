// SPDX-License-Identifier: Apache-2.0
/** The ids of all programs at tcx and clsact of the network namespace that it runs in. */
import { bridge } from '../../agent/kernel/bridge.ts'
import { listDevices } from '../../agent/kernel/devices.ts'
import { listFilters } from '../../agent/kernel/filters.ts'

const TCX = { ingress: 46, egress: 47 } as const

const ids = listDevices().flatMap(({ ifindex }) =>
  (['ingress', 'egress'] as const).flatMap(direction => {
    const links = bridge.attachedPrograms(ifindex, TCX[direction])
    const filters = listFilters(ifindex, direction).map(({ programId }) => programId)
    return [...(typeof links === 'number' ? [] : links), ...filters]
  }),
)
process.stdout.write(JSON.stringify(ids))
