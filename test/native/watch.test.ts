// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { bridge } from '../../agent/kernel/bridge.ts'
import { fine, good } from './object.ts'

const BRIDGE = JSON.stringify(new URL('../../agent/kernel/bridge.ts', import.meta.url).href)

/** RTM_GETLINK, dump: the socket is readable at once. */
function request(): Buffer {
  const message = Buffer.alloc(32)
  message.writeUInt32LE(32, 0)
  message.writeUInt16LE(18, 4)
  message.writeUInt16LE(0x301, 6)
  return message
}

/** Runs a script of its own with the bridge. */
function run(code: string): { status: number | null; signal: string | null; stdout: string; stderr: string } {
  const script = `import { bridge } from ${BRIDGE}\nconst request = Buffer.from('${request().toString('hex')}', 'hex')\n${code}`
  const { NODE_OPTIONS: _, ...env } = process.env
  return spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
    encoding: 'utf8',
    timeout: 20000,
    env,
  })
}

t.test('a watch calls back again and again while there is more to read', async t => {
  const fd = fine(bridge.netlinkOpen(0))
  let calls = 0
  const unwatch = good(bridge.watch(fd, () => void calls++))
  fine(bridge.netlinkSend(fd, request()))
  for (let waited = 0; calls < 3 && waited < 1000; waited += 5) await sleep(5)
  t.ok(calls >= 3)
  unwatch()
  const then = calls
  await sleep(30)
  t.equal(calls, then)
  bridge.close(fd)
})

t.test('a watch may stop itself, and others go on', async t => {
  const fds = [fine(bridge.netlinkOpen(0)), fine(bridge.netlinkOpen(0))]
  const calls = [0, 0]
  const stops = fds.map((fd, i) =>
    good(
      bridge.watch(fd, () => {
        calls[i] = (calls[i] ?? 0) + 1
        if (i === 0) stops[0]?.()
      }),
    ),
  )
  for (const fd of fds) fine(bridge.netlinkSend(fd, request()))
  for (let waited = 0; (calls[1] ?? 0) < 3 && waited < 1000; waited += 5) await sleep(5)
  t.equal(calls[0], 1)
  t.ok((calls[1] ?? 0) >= 3)
  stops[1]?.()
  for (const fd of fds) bridge.close(fd)
})

t.test('closing a watched descriptor first does no harm', async t => {
  const fd = fine(bridge.netlinkOpen(0))
  const unwatch = good(bridge.watch(fd, () => {}))
  bridge.close(fd)
  await sleep(10)
  unwatch()
  const file = openSync('/dev/null', 'r')
  t.equal(
    bridge.watch(file, () => {}),
    -constants.errno.EPERM,
    'files are always readable: no epoll',
  )
  closeSync(file)
  t.equal(
    bridge.watch(9999, () => {}),
    -constants.errno.EBADF,
  )
})

t.test('a watch does not keep the process alive', async t => {
  const { status, stdout } = run(`bridge.watch(bridge.netlinkOpen(0), () => {}); console.log('done')`)
  t.equal(status, 0)
  t.equal(stdout, 'done\n')
})

t.test('what a callback throws is an uncaught exception', async t => {
  const watch = `const fd = bridge.netlinkOpen(0); bridge.watch(fd, () => { throw new Error('from the watch') })
    bridge.netlinkSend(fd, request); setTimeout(() => {}, 5000)`
  const { status, stderr, signal } = run(watch)
  t.equal(status, 1)
  t.equal(signal, null)
  t.match(stderr, /Error: from the watch/)
  const caught = run(`process.on('uncaughtException', e => { console.log(e.message); process.exit(3) }); ${watch}`)
  t.match(caught, { status: 3, stdout: 'from the watch\n' })
})

t.test('a worker has watches of its own, which end with it', async t => {
  const code = `import(${BRIDGE}).then(({ bridge }) => {
    const fd = bridge.netlinkOpen(0)
    bridge.watch(fd, () => require('node:worker_threads').parentPort.postMessage('readable'))
    bridge.netlinkSend(fd, Buffer.from('${request().toString('hex')}', 'hex'))
    setInterval(() => {}, 1000)
  })`
  for (let i = 0; i < 5; i++) {
    const worker = new Worker(code, { eval: true })
    const message = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    t.equal(message, 'readable')
    await worker.terminate()
  }
})
