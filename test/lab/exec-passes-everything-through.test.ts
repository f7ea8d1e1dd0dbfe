// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import t from 'tap'
import { PROJECT_FOLDER } from '../../lab/names.ts'
import { upLab } from '../../lab/up.ts'
import { evenkeel, evenkeelWithInput, startEvenkeel } from './command.ts'

t.setTimeout(120_000)

const name = `f${process.pid}`
const lab = await upLab({ name, agents: false, keep: true })
t.teardown(() => lab.down())

const exec = (where: string, ...argv: string[]) => evenkeel('lab', 'exec', '--name', name, where, '--', ...argv)

t.test('exit codes are those of the command', async t => {
  const codes = [0, 1, 42, 255]
  const results = await Promise.all(codes.map(code => exec('client', 'sh', '-c', `exit ${code}`)))
  t.same(
    results.map(({ code }) => code),
    codes,
  )
  t.equal((await exec('client', 'sh', '-c', 'kill -TERM $$')).code, 143, '128 + the signal')
  t.equal((await exec('client', 'no-such-command')).code, 127)
})

t.test('standard input, output and error are those of the command', async t => {
  const said = await evenkeelWithInput(
    'to you\n',
    'lab',
    'exec',
    '--name',
    name,
    'node1/client',
    '--',
    'sh',
    '-c',
    'cat; echo oops >&2',
  )
  t.match(said, { code: 0, stdout: 'to you\n', stderr: 'oops\n' })
})

t.test('arguments arrive as they are', async t => {
  const argv = ['a b', "it's", '$HOME', '--name', '-x', '']
  const { stdout } = await exec('client', 'sh', '-c', 'for a; do echo "<$a>"; done', 'sh', ...argv)
  t.equal(stdout, argv.map(a => `<${a}>\n`).join(''))
})

t.test('the command runs in the place that was named, network and cgroup', async t => {
  for (const [where, netns, cgroup] of [
    ['node2', 'node2', 'node2/host'],
    ['node1/client', 'node1-client', 'node1/pod-client'],
    ['hostnames-2', 'node2-hostnames-2', 'node2/pod-hostnames-2'],
    ['outside', 'outside', 'outside'],
  ] as const) {
    const { stdout } = await exec(where, 'sh', '-c', 'ip netns identify; cat /proc/self/cgroup')
    t.equal(stdout.split('\n')[0], `ek-${name}-${netns}`)
    t.match(stdout, `0::/ek-lab-${name}/${cgroup}\n`)
  }
})

t.test('the project is on the PATH', async t => {
  const { stdout } = await exec('node1', 'sh', '-c', 'command -v evenkeel')
  t.equal(stdout.trim(), `${PROJECT_FOLDER}/evenkeel`)
})

t.test('SIGTERM reaches the command', async t => {
  const script = "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
  const child = startEvenkeel('lab', 'exec', '--name', name, 'client', '--', 'sh', '-c', script)
  const said: string[] = []
  child.stdout!.on('data', chunk => said.push(String(chunk)))
  await once(child.stdout!, 'data')
  child.kill('SIGTERM')
  t.same((await once(child, 'close'))[0], 9)
  t.equal(said.join(''), 'ready\ngot it\n')
})

t.test('a place or a lab that is not there is named', async t => {
  const nowhere = await exec('node7', 'true')
  t.equal(nowhere.code, 1)
  t.match(nowhere.stderr, /has no "node7" \(it has node1, node2, node1\/client, /)
  const noLab = await evenkeel('lab', 'exec', '--name', `no${name}`, 'node1', '--', 'true')
  t.equal(noLab.code, 1)
  t.match(noLab.stderr, `there is no lab "no${name}"`)
  t.equal((await evenkeel('lab', 'exec', '--name', name)).code, 2, 'wrong usage')
})

t.test('a command that takes too long is ended', async t => {
  const result = await lab.exec('client', ['sleep', '60'], { timeout: 200 })
  t.match(result, { timedOut: true, code: 137 })
})

t.test('status shows places and processes', async t => {
  const { stdout } = await evenkeel('lab', 'status', '--name', name, '-o', 'json')
  const [status] = JSON.parse(stdout)
  t.match(status, { name, phase: 'up', manifests: lab.manifests })
  t.match(
    status.places.find((place: { name: string }) => place.name === 'node1/hostnames-0'),
    { kind: 'pod', addresses: { v4: '10.244.1.3', v6: 'fd00:244:1::3' }, process: 'running' },
  )
  t.match(
    (await evenkeel('lab', 'status', '--name', name)).stdout,
    /node1\/hostnames-0 +pod +10\.244\.1\.3 +fd00:244:1::3 +server running/,
  )
})
