// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { check, checkValue, KernelError } from '../../agent/kernel/errno.ts'

t.test('an error says what was tried, on what, why it failed and what to do', async t => {
  const path = `/sys/fs/bpf/none-${process.pid}`
  t.throws(() => check(bridge.openPinned(path), 'open pinned map', path, 'Is the agent running?'), {
    name: 'KernelError',
    message: `open pinned map ${path}: no such file or directory (ENOENT). Is the agent running?`,
    operation: 'open pinned map',
    subject: path,
    errno: 2,
    code: 'ENOENT',
    hint: 'Is the agent running?',
  })
  t.throws(() => checkValue(bridge.mapInfo(1), 'read', 'map'), { code: 'EINVAL', hint: undefined })
  t.equal(check(3, 'x', 'y'), 3)
})

t.test('numbers that Node has no name for are told as well', async t => {
  const message = (errno: number) => new KernelError({ operation: 'o', subject: 's', errno }).message
  t.equal(message(524), 'o s: operation is not supported (ENOTSUPP)')
  t.equal(message(116), 'o s: the kernel refused (ESTALE)')
  t.equal(message(9999), 'o s: the kernel refused (errno 9999)')
})

t.test('a bridge that is missing, or is none, is a clear error', async t => {
  const load = (EVENKEEL_BRIDGE: string) => {
    const { NODE_OPTIONS: _, ...env } = process.env
    const code = `import ${JSON.stringify(new URL('../../agent/kernel/bridge.ts', import.meta.url).href)}`
    const options = { env: { ...env, EVENKEEL_BRIDGE }, encoding: 'utf8' } as const
    return spawnSync(process.execPath, ['--input-type=module', '-e', code], options).stderr
  }
  t.match(load('/nowhere/evenkeel.node'), /native bridge \/nowhere\/evenkeel.node is missing: run 'make build'/)
  t.match(load(import.meta.filename), /native bridge .*errors.test.ts can't be loaded: .*make build/)
})
