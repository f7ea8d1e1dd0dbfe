// SPDX-License-Identifier: Apache-2.0
/** Runs the bridge under AddressSanitizer, which also looks for leaks when the process ends. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'

// Sanitized processes are slow, and the machine may be busy.
t.setTimeout(300_000)

const native = resolve(import.meta.dirname, '../../native')
execFileSync('make', ['-s', '-C', native, 'SANITIZE=1'], { stdio: ['ignore', 'ignore', 'inherit'] })
const library = execFileSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim()

interface Report {
  readonly status: number | null
  readonly stdout: string
  /** Sanitizer reports that have a frame of the bridge, libbpf or libelf. Node's own leaks are not ours. */
  readonly ours: readonly string[]
}

/** Runs a file of this folder under the sanitizers. */
function sanitized(file: string, ...args: readonly string[]): Report {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-asan-'))
  const { NODE_OPTIONS: _, ...rest } = process.env
  const env = {
    ...rest,
    LD_PRELOAD: library,
    EVENKEEL_BRIDGE: join(native, 'build/asan/evenkeel.node'),
    // Leaks of Node's must not fail the run.
    ASAN_OPTIONS: `detect_leaks=1:log_path=${folder}/log`,
    LSAN_OPTIONS: 'exitcode=0',
    UBSAN_OPTIONS: `print_stacktrace=1:log_path=${folder}/log`,
  }
  try {
    const command = ['--expose-gc', join(import.meta.dirname, file), ...args]
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { env, encoding: 'utf8' })
    if (status !== 0) t.comment(stdout.slice(-2000), stderr.slice(-4000))
    const reports = readdirSync(folder).map(name => readFileSync(join(folder, name), 'utf8'))
    return { status, stdout, ours: reports.flatMap(report => report.split('\n\n')).filter(isOurs) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * A frame names the source file where it is known, else the library. Node frees its wrapper of an external when that is
 * collected, but not when the process ends first.
 */
function isOurs(paragraph: string): boolean {
  if (paragraph.includes(' in napi_create_external ')) return false
  return /\/native\/\w+\.c:|evenkeel\.node|libbpf\.so|libelf|runtime error|ERROR: AddressSanitizer/.test(paragraph)
}

t.test('a hundred loads leave no memory, no descriptor and no mapping behind', async t => {
  const { status, stdout, ours } = sanitized('load-loop.ts', '100')
  t.equal(status, 0)
  t.same(JSON.parse(stdout), { descriptors: 0, mappings: 0 })
  t.same(ours, [])
})

for (const file of ['bad-arguments', 'load', 'maps', 'test-run', 'ring', 'watch', 'netlink', 'verifier-log'])
  t.test(`the sanitizers have nothing to say about ${file}`, async t => {
    const { status, ours } = sanitized(`${file}.test.ts`)
    t.equal(status, 0)
    t.same(ours, [])
  })
