// SPDX-License-Identifier: Apache-2.0
/** The nodes' folders on bpffs: each agent pins its maps and links below its node's. */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { bpffsPrefix } from './names.ts'

export function bpffsFolder(mount: string, lab: string, node: string): string {
  return join(mount, bpffsPrefix(lab) + node)
}

export async function makeBpffsFolders(mount: string, lab: string, nodes: readonly string[]): Promise<void> {
  for (const node of nodes) await mkdir(bpffsFolder(mount, lab, node), { recursive: true })
}

/** Removes all that the lab's agents pinned; links that were pinned nowhere else detach. */
export async function removeBpffsFolders(mount: string, lab: string): Promise<void> {
  const folders = (await readdir(mount)).filter(name => name.startsWith(bpffsPrefix(lab)))
  for (const folder of folders) await rm(join(mount, folder), { recursive: true, force: true })
}
