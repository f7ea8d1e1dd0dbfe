// SPDX-License-Identifier: Apache-2.0
/** The socket path's programs on a cgroup. */
import { attachHook, detachHooks, HOOKS, type HookName } from '../kernel/hooks.ts'
import type { LoadedObject } from '../kernel/objects.ts'
import type { PinFolder } from '../kernel/pins.ts'

/**
 * Attaches all hooks, those that give names back before those that take them: a socket must not be translated when its answers
 * would not be. Throws KernelError.
 */
export function attachSocketPath(folder: PinFolder, object: LoadedObject, cgroup: string): void {
  for (const name of ATTACH_ORDER) attachHook(folder, name, object.programFd(name), cgroup)
}

export function detachSocketPath(folder: PinFolder): void {
  detachHooks(folder)
}

const ANSWERS = /^sock_(recvmsg|peername|release|bound)/
const NAMES = Object.keys(HOOKS) as HookName[]
const ATTACH_ORDER = [...NAMES.filter(name => ANSWERS.test(name)), ...NAMES.filter(name => !ANSWERS.test(name))]
