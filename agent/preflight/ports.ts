// SPDX-License-Identifier: Apache-2.0
/** Is there somebody at the agent's own port, and room to track connections? */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Config } from '../config.ts'
import { isHeld } from '../kernel/exclusive.ts'
import { allPinFolders } from '../kernel/pins.ts'
import { parseBindAddress } from '../serve/bind-address.ts'
import { type Finding, ok, trouble } from './finding.ts'

export async function healthPort({ bpffs, healthzBindAddress }: Config): Promise<Finding> {
  const name = 'health port'
  const address = parseBindAddress(healthzBindAddress)
  if (address === undefined) return ok(name, 'none is configured')
  if (allPinFolders(bpffs).some(isHeld)) return ok(name, `${healthzBindAddress}, an agent of evenkeel runs here`)
  const error = await listenOnce(address.port, address.host)
  if (error === undefined) return ok(name, `${healthzBindAddress} is free`)
  return trouble(name, false, {
    found: error.message,
    consequence: 'The agent serves without it, and takes it when it is free; until then probes ask somebody else.',
    remedy: 'End the other process (kube-proxy?), or choose another healthzBindAddress.',
  })
}

async function listenOnce(port: number, host: string | undefined): Promise<Error | undefined> {
  const server = createServer()
  try {
    server.listen({ port, ...(host !== undefined && { host }) })
    await once(server, 'listening')
    return undefined
  } catch (error) {
    return error as Error
  } finally {
    server.close()
  }
}

const COUNT = '/proc/sys/net/netfilter/nf_conntrack_count'
const FULL = 0.9

/** Evenkeel tracks what it translates by itself; the rest of the node (masquerade of a CNI plugin, policies) may not. */
export function conntrack(): Finding {
  const name = 'conntrack'
  try {
    const [count = 0, max = 0] = [COUNT, COUNT.replace('count', 'max')].map(file => Number(readFileSync(file, 'utf8')))
    if (count < max * FULL) return ok(name, `${count} of ${max} entries`)
    return trouble(name, false, {
      found: `${count} of ${max} entries`,
      consequence: "The kernel drops new connections when it is full, also those to backends. Evenkeel's need none.",
      remedy: `sysctl -w net.netfilter.nf_conntrack_max=${max * 2}`,
    })
  } catch {
    return ok(name, 'not in use')
  }
}
