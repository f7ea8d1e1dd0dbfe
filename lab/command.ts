// SPDX-License-Identifier: Apache-2.0
/** Commands that run inside the lab: confined to a cgroup and a network namespace from their first instruction on. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { LabError } from './error.ts'
import { netnsPath } from './names.ts'

/** Where a process goes before it becomes the command. */
export interface Confinement {
  /** Folder of a cgroup2. */
  readonly cgroup: string
  /** Name of a network namespace; undefined: the machine's own (for `ip netns` only). */
  readonly netns?: string | undefined
}

export interface ConfinedOptions {
  readonly stdio?: StdioOptions
  readonly env?: NodeJS.ProcessEnv
  readonly detached?: boolean
}

/**
 * Starts a command inside a cgroup and a network namespace. The process joins the cgroup before anything else, so that
 * whatever happens to us, the lab's cgroup has it. `nsenter --net=` and not `ip netns exec`, which hides bpffs. Node's options
 * are ours alone: a test runner puts code of its own into every Node that way, and starting that takes longer than most commands.
 */
export function spawnConfined(
  where: Confinement,
  argv: readonly string[],
  options: ConfinedOptions = {},
): ChildProcess {
  const enter = where.netns === undefined ? [] : ['nsenter', `--net=${netnsPath(where.netns)}`, '--']
  const script = 'unset NODE_OPTIONS; echo $$ >"$0" && exec "$@"'
  return spawn('/bin/sh', ['-c', script, `${where.cgroup}/cgroup.procs`, ...enter, ...argv], { ...options })
}

/** Runs a command that must succeed. */
export async function runConfined(where: Confinement, argv: readonly string[], input: string): Promise<string> {
  const result = await collect(spawnConfined(where, argv), { input })
  if (result.code === 0) return result.stdout
  throw failed(`${argv[0]} in ${where.netns ?? 'the machine'}`, result)
}

export interface ExecResult {
  /** Exit code; 128 + its number for a signal, as shells have it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
}

export interface CollectOptions {
  readonly input?: string | Buffer | undefined
  /** Milliseconds; default: as long as it takes. */
  readonly timeout?: number | undefined
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
}

export function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (SIGNALS[signal ?? ''] ?? 0)
}

/** Feeds a child its input and gathers what it says until it ends. */
export async function collect(child: ChildProcess, options: CollectOptions): Promise<ExecResult> {
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  child.stdout?.on('data', (chunk: Buffer) => output.stdout.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => output.stderr.push(chunk))
  // A command that does not read its input closes it early: EPIPE is no failure of ours.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(options.input)
  let timedOut = false
  const kill = () => {
    timedOut = true
    child.kill('SIGKILL')
  }
  const timer = options.timeout === undefined ? undefined : setTimeout(kill, options.timeout)
  const code = await ended(child).finally(() => clearTimeout(timer))
  return {
    code,
    stdout: Buffer.concat(output.stdout).toString(),
    stderr: Buffer.concat(output.stderr).toString(),
    timedOut,
  }
}

/** The exit code, once the child has ended and its pipes are drained. */
export function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(exitCode(code, signal)))
  })
}

/** The error of a command that had to succeed. */
export function failed(what: string, { code, stdout, stderr, timedOut }: ExecResult): LabError {
  const how = timedOut ? 'took too long' : `failed with code ${code}`
  return new LabError(`${what} ${how}: ${stderr.trim() || stdout.trim()}`)
}
