// SPDX-License-Identifier: Apache-2.0
/** In the lab: with XDP it is XDP that carries packets to backends elsewhere; flows change between it and tc without a loss. */
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { listAttachments } from '../../agent/kernel/attach.ts'
import { bridge } from '../../agent/kernel/bridge.ts'
import { checkValue } from '../../agent/kernel/errno.ts'
import { pinFolder } from '../../agent/kernel/pins.ts'
import { type Dialled, dialArguments } from '../../lab/dial.ts'
import { type Cluster, FAMILIES, prove } from '../uplink/fixture.ts'
import { service } from '../uplink/manifests.ts'

const PORT = 30_950
const manifests = { there: [service({ name: 'there', nodePort: PORT, selector: { pod: 'there' } })] }

/** While it is 1 the kernel counts runs of programs. For the whole file: clusters run side by side. */
const STATS = '/proc/sys/kernel/bpf_stats_enabled'
const statsBefore = readFileSync(STATS, 'utf8')
writeFileSync(STATS, '1')
process.once('exit', () => writeFileSync(STATS, statsBefore))

/** How often the program at the ingress of a node's uplinks ran. */
function runsOfTc({ lab }: Cluster, node: string): bigint {
  const folder = pinFolder(lab.bpffs(node))
  const ids = listAttachments(folder).filter(({ kind, direction }) => kind === 'tcx' && direction === 'ingress')
  const runs = ids.map(({ programId }) => {
    const fd = bridge.programById(programId)
    const { name, runCount } = checkValue(bridge.programInfo(fd), 'ask about program', String(programId))
    bridge.close(fd)
    return name.startsWith('tc_uplink') ? runCount : 0n
  })
  return runs.reduce((sum, count) => sum + count, 0n)
}

/** Packets of Services, both directions. */
function packets({ look }: Cluster, node: string): bigint {
  return look(node, ({ services, counters }) =>
    [...services.entries()].reduce((sum, [id]) => sum + (counters.sum(id)?.packets ?? 0n), 0n),
  )
}

function failed(outcomes: readonly Dialled[]): readonly Dialled[] {
  return outcomes.filter(({ error }) => error !== undefined)
}

/** Many connections that last for seconds, and what became of them. */
function longOnes({ lab, address }: Cluster, seconds: number): Promise<Dialled[]> {
  const path = `/trickle/${seconds * 20_000}?seconds=${seconds}`
  const options = FAMILIES.map(family => ({
    address: address('node1', family),
    port: PORT,
    path,
    count: 10,
    parallel: 10,
  }))
  const timeout = (seconds + 30) * 1000
  const all = options.map(option => ({ protocol: 'http' as const, ...option, timeout }))
  const child = lab.spawn('outside', dialArguments(...all))
  const outcomes: Dialled[] = []
  createInterface({ input: child.stdout! }).on('line', line => outcomes.push(JSON.parse(line)))
  return new Promise(resolve => child.once('close', () => resolve(outcomes)))
}

prove(
  { manifests },
  {
    'who carries the packets': async (t, cluster) => {
      const before = { runs: runsOfTc(cluster, 'node1'), packets: packets(cluster, 'node1') }
      for (const family of FAMILIES)
        for (const [protocol, port, path] of [
          ['http', PORT, '/bytes/1000000'],
          ['udp', PORT + 1, '/'],
        ] as const) {
          const options = { protocol, path, count: protocol === 'udp' ? 300 : 1, timeout: 5000 }
          const outcomes = await cluster.dial(cluster.address('node1', family), port, options)
          t.same(failed(outcomes), [], `${protocol} over ${family}`)
        }
      const carried = packets(cluster, 'node1') - before.packets
      const byTc = runsOfTc(cluster, 'node1') - before.runs
      t.ok(carried > 1200n, `${carried} packets`)
      if (cluster.xdp === 'off') t.ok(byTc >= carried, `all ran through tc: ${byTc}`)
      else t.ok(byTc * 4n < carried, `few ran through tc: ${byTc}`)
    },
    'a neighbour that is forgotten costs no packet': async (t, cluster) => {
      const options = { protocol: 'udp', count: 250, pause: 4, timeout: 3000 } as const
      const dialled = FAMILIES.map(family => cluster.dial(cluster.address('node1', family), PORT + 1, options))
      for (let n = 0; n < 5; n++) {
        await sleep(200)
        await cluster.ip('node1', 'neigh flush dev eth0')
      }
      const outcomes = (await Promise.all(dialled)).flat()
      t.same(failed(outcomes), [], `${failed(outcomes).length} of ${outcomes.length} were lost`)
    },
    'flows go on when XDP is switched off and on': async (t, cluster) => {
      const other = cluster.xdp === 'off' ? 'auto' : 'off'
      const long = longOnes(cluster, 12)
      const short = cluster.dial(cluster.address('node1'), PORT, { seconds: 12, pause: 10, parallel: 2, timeout: 8000 })
      await sleep(1000)
      for (const mode of [other, cluster.xdp] as const) await cluster.switchXdp('node1', mode)
      const outcomes = [...(await long), ...(await short)]
      t.ok(outcomes.length > 100, `${outcomes.length} connections`)
      t.same(failed(outcomes), [], `${failed(outcomes).length} of ${outcomes.length} failed`)
      t.equal((await long).filter(({ bytes }) => bytes === 240_000).length, 20, '20 long ones ended whole')
    },
  },
)
