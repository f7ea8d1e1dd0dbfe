// SPDX-License-Identifier: Apache-2.0
/** Each lack is a real one: rights taken away, file systems mounted read-only, rules and programs of others put in the way. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { cgroupRoot } from '../../agent/kernel/mounts.ts'
import { pinFolder } from '../../agent/kernel/pins.ts'
import type { Finding } from '../../agent/preflight/finding.ts'
import { PROJECT_FOLDER } from '../../lab/names.ts'
import { workspace } from '../kernel/workspace.ts'
import { inOwnNetwork, run } from '../own-network.ts'

t.setTimeout(170_000)

const MAIN = join(PROJECT_FOLDER, 'agent/cli/main.ts')

/** With a command in front, as `unshare --mount sh -c ...`. */
function preflight(argv: readonly string[], ...before: readonly string[]): SpawnSyncReturns<string> {
  const [name = '', ...args] = [...before, process.execPath, MAIN, 'preflight', ...argv]
  return spawnSync(name, args, { encoding: 'utf8' })
}

type Findings = Readonly<Record<string, Finding>>

function findings(argv: readonly string[], ...before: readonly string[]): { code: number | null; of: Findings } {
  const { status, stdout, stderr } = preflight([...argv, '-o', 'json'], ...before)
  if (stdout === '') throw new Error(stderr)
  const all: Finding[] = JSON.parse(stdout)
  return { code: status, of: Object.fromEntries(all.map(finding => [finding.name, finding])) }
}

function verdicts(of: Findings, verdict: Finding['verdict']): string[] {
  return Object.values(of)
    .filter(finding => finding.verdict === verdict)
    .map(({ name }) => name)
}

/** Programs of everybody on the root of cgroup2. */
function onRoot(): string[] {
  const attached: { name?: string }[] = JSON.parse(run('bpftool', '-j', 'cgroup', 'show', cgroupRoot()).trim() || '[]')
  return attached.map(({ name = '' }) => name)
}

function sysctl(name: string, value: string): void {
  writeFileSync(join('/proc/sys/net', name), value)
}

if (inOwnNetwork(import.meta.filename)) {
  const { path, bpffs, compile } = workspace()
  run('ip', 'link', 'set', 'lo', 'up')
  sysctl('ipv4/ip_forward', '1')
  sysctl('ipv6/conf/all/forwarding', '1')

  t.test('a node that has everything is told so, and nothing stays', async t => {
    const before = onRoot()
    const { code, of } = findings(['--strict'])
    t.same([...verdicts(of, 'failed'), ...verdicts(of, 'warning')], [])
    t.equal(code, 0)
    t.match(of['tc at devices']?.found, 'tcx')
    t.match(of['hooks of cgroup2']?.found, /^11 attached to .* and taken off$/)
    t.same(
      readdirSync('/sys/fs/bpf').filter(name => name.includes('preflight')),
      [],
    )
    t.same(onRoot(), before)
  })

  t.test(
    'whoever is in the way is named: a warning, or a failure for an exclusive program at a socket hook',
    async t => {
      const cgroup = join(cgroupRoot(), `ek-preflight-${process.pid}`)
      mkdirSync(cgroup)
      t.teardown(() => rmdirSync(cgroup))
      const rival = compile(
        'rival',
        '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n' +
          'SEC("cgroup/connect4") int cil_sock4_connect(struct bpf_sock_addr *ctx) { return 1; }',
      )
      mkdirSync(pinFolder(bpffs).path, { recursive: true })
      const pin = join(bpffs, 'rival')
      run('bpftool', 'prog', 'load', rival, pin)
      run('bpftool', 'cgroup', 'attach', cgroup, 'connect4', 'pinned', pin)
      const file = join(path, 'config.yaml')
      writeFileSync(file, `cgroup: ${cgroup}\n`)
      for (const [name, address] of [
        ['up0', '192.0.2.1/24'],
        ['up1', '198.51.100.1/24'],
      ] as const) {
        run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`)
        run('ip', 'addr', 'add', address, 'dev', name)
        for (const end of [name, `${name}p`]) run('ip', 'link', 'set', end, 'up')
      }
      run('ip', 'route', 'add', 'default', 'via', '192.0.2.2')
      run('ip', 'route', 'add', '203.0.113.0/24', 'via', '198.51.100.2')
      sysctl('ipv4/conf/all/rp_filter', '1')
      sysctl('ipv4/ip_forward', '0')
      const source = '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nchar l[] SEC("license") = "GPL";\n'
      const other = compile('other', `${source}SEC("tc") int cil_from_netdev(struct __sk_buff *skb) { return 0; }`)
      run('tc', 'qdisc', 'add', 'dev', 'up0', 'clsact')
      // In a bpffs of its own: tc(8) leaves folders there.
      const add = `mount -t bpf bpf /sys/fs/bpf && tc filter add dev up0 ingress bpf da obj ${other} sec tc`
      run('unshare', '--mount', 'sh', '-c', add)
      run('iptables-nft', '-t', 'nat', '-N', 'KUBE-SERVICES')
      const server = createServer().listen(10_256, '0.0.0.0')
      await once(server, 'listening')
      const { code, of } = findings(['--config', file])
      server.close()
      t.equal(code, 1)
      t.same(verdicts(of, 'failed'), ['hooks of cgroup2'])
      t.match(of['hooks of cgroup2']?.found, /sock_connect4 to .*EPERM/)
      t.equal(of['programs of others at sockets']?.found, 'cil_sock4_conne')
      t.same(verdicts(of, 'warning'), [
        'forwarding of IPv4',
        'rp_filter',
        'programs of others at sockets',
        'kube-proxy',
        'health port',
      ])
      t.match(of.rp_filter?.found, 'all=1, up0: 1 in effect, up1: 1 in effect')
      t.equal(of['programs of others on uplinks']?.found, 'up0 ingress: cil_from_netdev')
      t.match(of['kube-proxy']?.found, 'iptables-nft, table nat')
    },
  )

  t.test('without rights it fails, and says which', async t => {
    const bounding = '--bounding-set=-sys_admin,-bpf,-net_admin,-perfmon'
    const { code, of } = findings([], 'setpriv', bounding, '--inh-caps=-all')
    t.equal(code, 1)
    t.match(of.capabilities?.found, 'without CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF')
    for (const name of ['map kinds', 'programs of socket', 'hooks of cgroup2'])
      t.equal(of[name]?.verdict, 'failed', name)
    t.match(of['programs on devices']?.found, /unshare/)
  })

  t.test('a folder that is no bpffs, and sysctls that can not be written', async t => {
    const file = join(path, 'no-bpffs.yaml')
    writeFileSync(file, `bpffs: ${path}\n`)
    const readOnly = ['unshare', '--mount', 'sh', '-c', 'mount -t proc -o ro proc /proc && exec "$@"', 'sh']
    const { status, stdout } = preflight(['--config', file], ...readOnly)
    t.equal(status, 1)
    t.match(stdout, /^failed: bpffs: .* is not on a bpffs.*\n {2}Maps and programs would go with the agent/m)
    t.match(stdout, /^failed: ip_local_reserved_ports: none, and can't be written\n.*\n.*30000-32767$/m)
    t.match(stdout, /^It won't work here as configured: 2 failed\.\n$/m)
    t.equal(preflight(['--config', join(path, 'none.yaml')]).status, 2, 'a wrong file is wrong usage')
  })
}
