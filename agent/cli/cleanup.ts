// SPDX-License-Identifier: Apache-2.0
/** `evenkeel cleanup`: takes everything of ours out of the kernel. */
import { Command } from 'commander'
import { detachHooks } from '../kernel/hooks.ts'
import { allPinFolders, removePinFolder } from '../kernel/pins.ts'
import { detachOtherXdp } from '../kernel/xdp.ts'
import { detachOthers } from '../reconcile/attached-devices.ts'
import { bpffsOption } from './bpffs.ts'

export function cleanupCommand(): Command {
  return new Command('cleanup')
    .description(
      'Detaches every program of ours in this network namespace and removes the pinned maps, of all versions. Services end here.',
    )
    .addOption(bpffsOption())
    .action(({ bpffs }: { bpffs: string }) => {
      for (const folder of allPinFolders(bpffs)) {
        detachHooks(folder)
        detachOtherXdp(folder, new Set())
        detachOthers(folder, new Set())
        removePinFolder(folder)
        process.stdout.write(`removed ${folder.path}\n`)
      }
    })
}
