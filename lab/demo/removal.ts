// SPDX-License-Identifier: Apache-2.0
/** A backend goes while connections run, and comes back. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Dialled, type DialOptions, dialArguments } from '../dial.ts'
import type { Lab } from '../lab.ts'
import { clusterIP, expect, FOLLOW_LIMIT_MS, failuresAmong, heading, say, table, tally } from './stage.ts'

const TRANSFERS = 6
const TRANSFER_BYTES = 3_000_000
const TRANSFER_SECONDS = 6
const PORT = 80

interface Timed extends Dialled {
  readonly at: number
}

/** Dials on in the background, and tells when each outcome came. */
function watchDial(
  lab: Lab,
  where: string,
  options: DialOptions,
): { readonly outcomes: Timed[]; readonly end: Promise<void> } {
  const child = lab.spawn(where, dialArguments(options), { stdio: ['ignore', 'pipe', 'inherit'] })
  const outcomes: Timed[] = []
  const lines = createInterface({ input: child.stdout! })
  const read = async () => {
    for await (const line of lines) outcomes.push({ at: performance.now(), ...JSON.parse(line) })
  }
  return { outcomes, end: read() }
}

export async function removal(lab: Lab): Promise<void> {
  heading('A backend goes while transfers run; no connection is lost')
  const gone = 'hostnames-1'
  const target = { protocol: 'http', address: await clusterIP(lab, 'hostnames', 4), port: PORT } as const
  const path = `/trickle/${TRANSFER_BYTES}?seconds=${TRANSFER_SECONDS}`
  const limits = { timeout: 30_000, count: TRANSFERS, parallel: TRANSFERS }
  const transfers = lab.dial('client', { ...target, ...limits, path })
  const fresh = watchDial(lab, 'client', { ...target, seconds: TRANSFER_SECONDS - 1, pause: 5 })
  await sleep(2000)
  const manifest = await readFile(lab.podFile(gone), 'utf8')
  await rm(lab.podFile(gone))
  const removed = performance.now()
  const file = lab.podFile(gone).slice(lab.manifests.length + 1)
  say(
    `  ${TRANSFERS} transfers of ${TRANSFER_BYTES / 1e6} MB run, ${TRANSFER_SECONDS} s each, and new connections all the time.`,
  )
  say(`  After 2 s, ${file} is removed from the manifests.`)
  const [done] = await Promise.all([transfers, fresh.end])
  reportRemoval(gone, removed, done, fresh.outcomes)
  await comesBack(lab, gone, manifest, target)
}

function reportRemoval(gone: string, removed: number, transfers: readonly Dialled[], fresh: readonly Timed[]): void {
  const before = tally(fresh.filter(({ at }) => at < removed))
  const settled = fresh.filter(({ at }) => at >= removed + FOLLOW_LIMIT_MS)
  const [after, moved] = [tally(settled), tally(transfers)]
  const names = [...new Set([...before.keys(), ...after.keys(), ...moved.keys()])].toSorted()
  const columns = [
    'backend',
    'new connections before',
    `from ${FOLLOW_LIMIT_MS / 1000} s after on`,
    'transfers completed',
  ]
  table(
    columns,
    names.map(name => [name, before.get(name) ?? 0, after.get(name) ?? 0, moved.get(name) ?? 0]),
  )
  const last = fresh.findLast(({ pod }) => pod === gone)
  const late = Math.max(0, Math.round((last?.at ?? 0) - removed))
  say(`  The last new connection to ${gone} came ${late} ms after the removal.`)
  const whole = transfers.filter(({ bytes, error }) => bytes === TRANSFER_BYTES && error === undefined)
  expect(before.has(gone), `${gone} was in use before`)
  expect(settled.length > 0 && !after.has(gone), `no new connection reached ${gone} any more`)
  expect(failuresAmong(fresh) === 0, `none of ${fresh.length} new connections failed`)
  expect(whole.length === TRANSFERS, `all ${TRANSFERS} transfers came through whole, through ${gone} too`)
  expect(
    [...moved.keys()].some(pod => pod !== gone),
    'a transfer ran through another backend',
  )
}

async function comesBack(lab: Lab, gone: string, manifest: string, target: DialOptions): Promise<void> {
  await writeFile(lab.podFile(gone), manifest)
  const { outcomes, end } = watchDial(lab, 'client', { ...target, seconds: FOLLOW_LIMIT_MS / 1000, pause: 5 })
  await end
  expect(tally(outcomes).has(gone), `with its manifest back, ${gone} gets connections again`)
}
