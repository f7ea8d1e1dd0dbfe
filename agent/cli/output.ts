// SPDX-License-Identifier: Apache-2.0
/** How commands speak: tables or JSON on stdout, everything else on stderr. */
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

/** Columns padded with spaces, the heads in capitals: as kubectl prints. */
export function formatTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [head.map(name => name.toUpperCase()), ...rows.map(row => row.map(String))]
  const widths = head.map((_, column) => lines.reduce((widest, line) => Math.max(widest, line[column]!.length), 0))
  return lines
    .map(line =>
      line
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  process.stdout.write(`${formatTable(head, rows)}\n`)
}
