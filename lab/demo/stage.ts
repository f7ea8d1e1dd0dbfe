// SPDX-License-Identifier: Apache-2.0
/** What scenes of the demo print and expect, and whom they look at. */
import { formatTable } from '../../agent/cli/output.ts'
import { failed } from '../command.ts'
import type { Dialled } from '../dial.ts'
import { LabError } from '../error.ts'
import type { Lab } from '../lab.ts'

/** How soon after a backend has gone no new connection may reach it. */
export const FOLLOW_LIMIT_MS = 2000

/** Sentences that did not hold. */
export const failures: string[] = []

export function say(line = ''): void {
  process.stdout.write(`${line}\n`)
}

export function heading(title: string): void {
  say(`\n== ${title}`)
}

export function expect(holds: boolean, sentence: string): void {
  say(`  ${holds ? 'ok  ' : 'FAIL'} ${sentence}`)
  if (!holds) failures.push(sentence)
}

export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  for (const line of formatTable(head, rows).split('\n')) say(`  ${line}`)
}

/** Who answered how often; failures count under their code. */
export function tally(outcomes: readonly Dialled[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { pod, error } of outcomes) {
    const who = pod ?? `(${error})`
    counts.set(who, (counts.get(who) ?? 0) + 1)
  }
  return new Map([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

export function failuresAmong(outcomes: readonly Dialled[]): number {
  return outcomes.filter(({ error }) => error !== undefined).length
}

export function backends(lab: Lab): string[] {
  return lab.plan.pods.filter(({ serve }) => serve !== undefined).map(({ name }) => name)
}

/** The address that a Service was given, as the node's maps have it. */
export async function clusterIP(lab: Lab, service: string, family: 4 | 6): Promise<string> {
  const result = await lab.exec('node1', ['evenkeel', 'services', '-o', 'json'])
  if (result.code !== 0) throw failed('evenkeel services', result)
  const live = JSON.parse(result.stdout) as readonly { readonly service: string; readonly frontend: string }[]
  const addresses = live
    .filter(({ service: name }) => name.startsWith(`default/${service}:`))
    .map(({ frontend }) => frontend.replace(/:\d+\/\w+$/, '').replace(/^\[(.*)\]$/, '$1'))
  const found = addresses.find(address => address.includes(':') === (family === 6))
  if (found) return found
  throw new LabError(`Service default/${service} has no IPv${family} address on node1:\n${result.stdout}`)
}
