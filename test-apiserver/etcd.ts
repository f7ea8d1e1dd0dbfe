// SPDX-License-Identifier: Apache-2.0
/** etcd on the loopback of a lab's place. */
import { join } from 'node:path'
import type { Lab } from '../lab/lab.ts'
import { type Daemon, runThere, startDaemon } from './daemon.ts'
import type { Programs } from './programs.ts'

export interface Etcd extends Daemon {
  readonly url: string
  /** Writes a snapshot. */
  readonly save: (file: string) => Promise<void>
}

export interface EtcdOptions {
  readonly lab: Lab
  readonly programs: Programs
  /** Where its data goes, and its log. */
  readonly folder: string
  /** Of this snapshot, in place of an empty one. `name` tells it from those that run or ran in the same folder. */
  readonly snapshot?: string
  readonly name?: string
}

const URL = 'http://127.0.0.1:2379'
const PEERS = 'http://127.0.0.1:2380'

export async function startEtcd({ lab, programs, folder, snapshot, name = 'first' }: EtcdOptions): Promise<Etcd> {
  const data = join(folder, `etcd-${name}`)
  const env = { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: URL }
  const member = ['--name', name, '--initial-advertise-peer-urls', PEERS, '--initial-cluster', `${name}=${PEERS}`]
  if (snapshot !== undefined)
    await runThere(lab, [programs.restore, 'snapshot', 'restore', snapshot, ...member, '--data-dir', data], env)
  const listen = ['--listen-client-urls', URL, '--advertise-client-urls', URL, '--listen-peer-urls', PEERS]
  // 2 GiB, the default, is much less than 10,000 Services that are written again and again may take.
  const argv = [programs.etcd, ...member, ...listen, '--data-dir', data, '--quota-backend-bytes', String(2 ** 32)]
  const isReady = async () => (await lab.exec('outside', [programs.etcdctl, 'endpoint', 'health'], { env })).code === 0
  const daemon = await startDaemon({ lab, argv, logFile: join(folder, 'etcd.log'), isReady })
  return { ...daemon, url: URL, save: file => runThere(lab, [programs.etcdctl, 'snapshot', 'save', file], env) }
}
