// SPDX-License-Identifier: Apache-2.0
/** Nanoseconds that a packet costs in the XDP program, above one that does nothing; and what each part of that is. */
import { Scope } from '../agent/kernel/layout.gen.ts'
import { type Case, frameBetween, TCP4, TCP6, UDP4, UDP6 } from '../test/bpf/cases.ts'
import { type Dataplane, loadDataplane, XDP_VERDICT } from '../test/bpf/harness.ts'
import { addService } from '../test/bpf/services.ts'
import { encodeXdpMd } from '../test/bpf/xdp-md.ts'
import { inOwnNetwork, run } from '../test/own-network.ts'
import { MAC, NODE, type Uplinks, upUplinks } from '../test/xdp/uplinks.ts'
import { compare, type Subject } from './above-nothing.ts'
import { loadNullProgram } from './null-program.ts'
import { learnAddresses, newClients, sweepOpening } from './packet-scenes.ts'
import { benchOptions, publish, type Target } from './report.ts'
import { apart, packed, withRunTimes } from './run-time.ts'
import { applies, build, XDP_PARTS } from './variants.ts'

const { rounds: ROUNDS, packets: RUNS } = benchOptions(
  'What a packet costs in the XDP program: BPF_PROG_TEST_RUN, ns above a program that does nothing.',
  {
    rounds: [8, 'how often all take turns, twice each'],
    packets: [200, 'of each kind in a turn; the kernel takes a millisecond to begin each'],
  },
)

const ESTABLISHED: Target = { must: 150, aim: 100 }
/** A packet that comes out as it went in, but for its hops: so often a call. */
const IN_ONE_CALL = 200

const CASES = [TCP4, TCP6, UDP4, UDP6]

/** Client and backend are what the node makes of them, and its router is itself: only the hops change. */
function unchanged({ xdp, ifindex }: Uplinks, test: Case): Buffer {
  const vip = { ...test.vip, port: 8080 }
  const self = { address: NODE[test.version], port: test.client.port }
  addService(xdp, { frontends: [{ ...vip, proto: test.proto, scope: Scope.EXTERNAL }], backends: [vip] })
  for (const flags of ['S', 'A']) {
    const sent = frameBetween(test, self, vip, { flags, dst: MAC.up0, ttl: 255 })
    const verdicts = [1, 2, 3].map(() => xdp.run('xdp_uplink', sent, { ifindex: ifindex.up0 }).verdict)
    if (!verdicts.includes(XDP_VERDICT.TX)) throw new Error(`${test.name}: not sent: ${verdicts}`)
  }
  return frameBetween(test, self, vip, { flags: 'A', dst: MAC.up0, src: MAC.up0, ttl: 255 })
}

function closely(name: string, programFd: number, frame: Buffer, ifindex: number, target?: Target): Subject {
  const ctx = encodeXdpMd(frame.length, ifindex)
  const calls = Math.ceil((RUNS * 20) / IN_ONE_CALL)
  const measure = () => packed(programFd, frame, RUNS * 20, { calls, ctx })
  return { name, measure, ...(target && { target }) }
}

function apartly(name: string, programFd: number, frames: readonly Buffer[], ifindex: number): Subject {
  let next = 0
  const frame = () => frames[next++ % frames.length]!
  return { name, measure: () => apart(programFd, frame, RUNS, encodeXdpMd(frames[0]!.length, ifindex)) }
}

/** Every run is a new client's. */
function opening({ xdp, ifindex }: Uplinks, test: Case): Subject {
  const vip = { ...test.vip, port: 90 }
  const backends = Array.from({ length: 10 }, (_, n) => test.backend(n + 1))
  addService(xdp, { frontends: [{ ...vip, proto: test.proto, scope: Scope.EXTERNAL }], backends })
  const frames = newClients(test, vip, { dst: MAC.up0 })
  const { name, measure } = apartly(
    `${test.name}, first packet of a flow`,
    xdp.programs.xdp_uplink,
    frames,
    ifindex.up0,
  )
  return {
    name,
    measure() {
      const ns = measure()
      sweepOpening(xdp)
      return ns
    },
  }
}

async function measure(part: string, method: string, zeros: readonly [Subject, Subject], subjects: readonly Subject[]) {
  publish((await compare({ part, method, rounds: ROUNDS, zeros, subjects })).report)
}

function parts(frame: Buffer, ifindex: number, shared: Dataplane) {
  return XDP_PARTS.filter(applies).map(variant => {
    const dataplane = loadDataplane({ object: 'xdp', file: build(variant, 'xdp'), shared })
    return closely(`TCP over IPv4, ${variant.name}`, dataplane.programs.xdp_uplink, frame, ifindex)
  })
}

async function main(): Promise<void> {
  const uplinks = upUplinks()
  const { xdp, ifindex } = uplinks
  for (const router of ['10.0.0.254', 'fd00::fe'])
    run('ip', 'neigh', 'replace', router, 'lladdr', MAC.up0, 'dev', 'up0')
  const { xdp_uplink: fd } = xdp.programs
  const nothing = loadNullProgram('null_xdp')
  const frames = CASES.map(test => [test, unchanged(uplinks, test)] as const)
  const strangers = [TCP4, TCP6].map(
    test => [test, frameBetween(test, test.client, test.stranger, { flags: 'A', dst: MAC.up0 })] as const,
  )
  learnAddresses(xdp)
  const zero = (name: string) => closely(name, nothing, strangers[0]![1], ifindex.up0)
  await measure(
    `packets, XDP, closely`,
    `${RUNS * 20} packets a turn, closely`,
    [zero('nothing'), zero('nothing, again')],
    [
      ...frames.map(([test, frame]) => closely(`${test.name}, established`, fd, frame, ifindex.up0, ESTABLISHED)),
      ...strangers.map(([test, frame]) => closely(`${test.name}, for no Service`, fd, frame, ifindex.up0)),
      ...parts(frames[0]![1], ifindex.up0, xdp),
    ],
  )
  const zeroApart = (name: string) => apartly(name, nothing, [strangers[0]![1]], ifindex.up0)
  const method = `${RUNS} packets a turn, each a system call`
  await withRunTimes(() =>
    measure(
      'packets, XDP, apart',
      method,
      [zeroApart('nothing'), zeroApart('nothing, again')],
      [
        ...frames.map(([test, frame]) => apartly(`${test.name}, established`, fd, [frame], ifindex.up0)),
        ...[TCP4, TCP6].map(test => opening(uplinks, test)),
        ...strangers.map(([test, frame]) => apartly(`${test.name}, for no Service`, fd, [frame], ifindex.up0)),
      ],
    ),
  )
  uplinks.close()
}

if (inOwnNetwork(import.meta.filename)) await main()
