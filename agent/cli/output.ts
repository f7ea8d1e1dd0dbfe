// SPDX-License-Identifier: Apache-2.0
/** How commands speak: tables or JSON on stdout, everything else on stderr. */
import Table from 'cli-table3'
import { Option } from 'commander'

export type Format = 'table' | 'json'

/** A failure that is the user's to mend: printed as one line, without a stack. */
export class UserError extends Error {
  override readonly name = 'UserError'
  readonly exitCode: number
  constructor(message: string, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

export function outputOption(): Option {
  return new Option('-o, --output <format>', 'what to print').choices(['table', 'json']).default('table')
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? Number(v) : v), 2)}\n`)
}

const BORDERLESS = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid'].flatMap(side => {
    const parts =
      side === 'left' || side === 'right'
        ? [side, `${side}-mid`]
        : [side, `${side}-mid`, `${side}-left`, `${side}-right`]
    return [...parts, 'mid-mid', 'left-mid', 'right-mid'].map(part => [part, ''])
  }),
)

/** Columns padded with spaces, the heads in capitals: as kubectl prints. */
export function formatTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const table = new Table({
    head: head.map(name => name.toUpperCase()),
    chars: { ...BORDERLESS, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  table.push(...rows.map(row => row.map(cell => String(cell))))
  return table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n')
}

export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  process.stdout.write(`${formatTable(head, rows)}\n`)
}
