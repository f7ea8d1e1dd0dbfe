// SPDX-License-Identifier: Apache-2.0
/** Clients (dial.ts) that stay for the next request: to start one takes longer than most of what it does. */
import type { ChildProcess } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import { type Dialled, type DialOptions, servingDialler } from './dial.ts'
import { LabError } from './error.ts'

/** Longer than any dial was told to take: this is for a client that hangs. */
const TIMEOUT_MS = 300_000

export type Dial = (where: string, options: readonly DialOptions[]) => Promise<Dialled[]>

interface Dialler {
  readonly child: ChildProcess
  readonly lines: Interface
}

/** One at each place for each request that is under way there. They end with this process, or with their place. */
export function diallers(spawn: (where: string, argv: readonly string[]) => ChildProcess): Dial {
  const idle = new Map<string, Dialler[]>()
  return async (where, options) => {
    const waiting = idle.get(where)?.pop()
    const dialler = waiting && waiting.child.exitCode === null && waiting.child.signalCode === null ? waiting : start()
    keepAwake(dialler.child, true)
    const outcomes = await request(where, dialler, options)
    keepAwake(dialler.child, false)
    idle.set(where, [...(idle.get(where) ?? []), dialler])
    return outcomes

    function start(): Dialler {
      const child = spawn(where, servingDialler())
      child.stderr!.on('data', text => process.stderr.write(text))
      child.stdin!.on('error', () => undefined)
      return { child, lines: createInterface({ input: child.stdout! }) }
    }
  }
}

/** Whether this process lives on for its sake. */
function keepAwake(child: ChildProcess, awake: boolean): void {
  // Pipes are sockets.
  for (const one of [child, child.stdin, child.stdout, child.stderr] as unknown as readonly Referable[])
    if (awake) one.ref()
    else one.unref()
}

interface Referable {
  ref(): unknown
  unref(): unknown
}

function request(where: string, { child, lines }: Dialler, options: readonly DialOptions[]): Promise<Dialled[]> {
  const outcomes: Dialled[] = []
  return new Promise((resolve, reject) => {
    const fail = (how: string) => reject(new LabError(`the dialler in ${where} ${how}`))
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail('took too long')
    }, TIMEOUT_MS + longest(options))
    const onClose = () => fail(`ended with ${child.signalCode ?? `code ${child.exitCode}`}`)
    const onLine = (line: string) => {
      if (line !== '') return void outcomes.push(JSON.parse(line))
      settle()
      resolve(outcomes)
    }
    const settle = () => {
      clearTimeout(timer)
      lines.off('line', onLine)
      child.off('close', onClose)
      child.off('error', reject)
    }
    lines.on('line', onLine)
    child.once('close', onClose)
    child.once('error', reject)
    child.stdin!.write(`${JSON.stringify(options)}\n`)
  })
}

/** Milliseconds that one of them was told to take. */
function longest(options: readonly DialOptions[]): number {
  return Math.max(0, ...options.map(({ seconds = 0, timeout = 0 }) => seconds * 1_000 + timeout))
}
