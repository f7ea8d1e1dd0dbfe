// SPDX-License-Identifier: Apache-2.0
/** `evenkeel cleanup`: takes everything of ours out of the kernel. */
import { existsSync } from 'node:fs'
import { Command } from 'commander'
import { isHeld } from '../kernel/exclusive.ts'
import { detachHooks } from '../kernel/hooks.ts'
import { allPinFolders, removePinFolder } from '../kernel/pins.ts'
import { reservedPorts } from '../kernel/reserved-ports.ts'
import { detachOtherXdp } from '../kernel/xdp.ts'
import { detachOthers } from '../reconcile/attached-devices.ts'
import { bpffsOption } from './bpffs.ts'
import { UserError } from './output.ts'

export function cleanupCommand(): Command {
  return new Command('cleanup')
    .description(
      'Detaches every program of ours in this network namespace and removes the pinned maps, of all versions. Services end here.',
    )
    .addOption(bpffsOption())
    .addHelpText(
      'after',
      '\nEnd the agent first. After that, whatever served before (kube-proxy) should run already: see docs/migrate.md.',
    )
    .action(({ bpffs }: { bpffs: string }) => cleanUp(bpffs))
}

function cleanUp(bpffs: string): void {
  const folders = allPinFolders(bpffs).filter(({ path }) => existsSync(path))
  if (folders.some(isHeld))
    throw new UserError('an agent runs here: end it first, as it would go on with maps that nobody serves by')
  for (const folder of folders) {
    detachHooks(folder)
    detachOtherXdp(folder, new Set())
    detachOthers(folder, new Set())
    removePinFolder(folder)
    process.stdout.write(`removed ${folder.path}\n`)
  }
  if (folders.length === 0) process.stdout.write(`nothing to remove in ${bpffs}\n`)
  const reserved = reservedPorts()
  if (reserved !== '')
    process.stdout.write(`left: net.ipv4.ip_local_reserved_ports=${reserved}, which nodePorts need with any proxy\n`)
}
