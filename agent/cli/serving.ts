// SPDX-License-Identifier: Apache-2.0
/** Does this node's kernel serve through evenkeel now? Asked of maps and links, as `evenkeel status` does. */
import { listAttachments } from '../kernel/attach.ts'
import { KernelError } from '../kernel/errno.ts'
import { isHeld } from '../kernel/exclusive.ts'
import { listHooks } from '../kernel/hooks.ts'
import { MismatchError } from '../kernel/mismatch.ts'
import { otherVersions, pinFolder } from '../kernel/pins.ts'
import { pinnedDataplane } from '../reconcile/dataplane.ts'
import { endpointText, protocolText } from './text.ts'

export interface Serving {
  /** "10.96.0.1:443/TCP": what is answered to. */
  readonly frontends: ReadonlySet<string>
  /** What is missing, with what to do. */
  readonly obstacles: readonly string[]
}

/** Throws KernelError. */
export function servingNow(bpffs: string): Serving {
  const folder = pinFolder(bpffs)
  const frontends = liveFrontends(bpffs)
  if (frontends === undefined) {
    const obstacle = `evenkeel does not serve here: there are no maps in ${folder.path}. ${otherVersions(bpffs)}`
    return { frontends: new Set(), obstacles: [obstacle.replace(/\. $/, '')] }
  }
  const obstacles: string[] = []
  if (listHooks(folder).length === 0 && listAttachments(folder).length === 0)
    obstacles.push('no program of evenkeel is attached: see evenkeel status')
  if (!isHeld(folder)) obstacles.push("evenkeel's agent does not run: what it serves would grow stale")
  return { frontends, obstacles }
}

function liveFrontends(bpffs: string): Set<string> | undefined {
  try {
    const dataplane = pinnedDataplane(bpffs)
    const keys = [...dataplane.frontends.entries()].map(([key]) => key)
    dataplane.close()
    return new Set(keys.map(({ addr, port, proto }) => `${endpointText(addr, port)}/${protocolText(proto)}`))
  } catch (error) {
    if (error instanceof MismatchError || (error instanceof KernelError && error.code === 'ENOENT')) return undefined
    throw error
  }
}
