// SPDX-License-Identifier: Apache-2.0
/** Commands that look at the live maps: which ones, and opened. */
import { Option } from 'commander'
import { KernelError } from '../kernel/errno.ts'
import { MismatchError } from '../kernel/mismatch.ts'
import { DEFAULT_BPFFS } from '../kernel/pins.ts'
import { type Dataplane, pinnedDataplane } from '../reconcile/dataplane.ts'
import { UserError } from './output.ts'

export function bpffsOption(): Option {
  return new Option('--bpffs <folder>', 'where bpffs is mounted, or a folder in it')
    .env('EVENKEEL_BPFFS')
    .default(DEFAULT_BPFFS)
}

/** Opens the pinned maps for reading, and closes them after. Throws UserError when there are none. */
export function withDataplane<T>(bpffs: string, look: (dataplane: Dataplane) => T): T {
  const dataplane = openForReading(bpffs)
  try {
    return look(dataplane)
  } finally {
    dataplane.close()
  }
}

function openForReading(bpffs: string): Dataplane {
  try {
    return pinnedDataplane(bpffs)
  } catch (error) {
    if (error instanceof MismatchError || error instanceof KernelError) throw new UserError(error.message)
    throw error
  }
}
