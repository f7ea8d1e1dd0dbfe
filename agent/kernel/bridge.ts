// SPDX-License-Identifier: Apache-2.0
/** Loads the native bridge: native/build/evenkeel.node, or the file that EVENKEEL_BRIDGE names. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import type { Bridge } from '../../native/bridge.d.ts'

export type * from '../../native/bridge.d.ts'

function load(): Bridge {
  const named = process.env.EVENKEEL_BRIDGE
  const file = named ? resolve(named) : resolve(import.meta.dirname, '../../native/build/evenkeel.node')
  if (!existsSync(file)) throw new Error(`the native bridge ${file} is missing: run 'make build'`)
  try {
    return createRequire(import.meta.url)(file)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`the native bridge ${file} can't be loaded: ${reason}. Run 'make build' on this machine`, {
      cause: error,
    })
  }
}

export const bridge: Bridge = load()
