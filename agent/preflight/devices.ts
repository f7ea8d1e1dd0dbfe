// SPDX-License-Identifier: Apache-2.0
/** Programs on devices, tried on a veth in a network namespace that goes away again. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { getSystemErrorMap } from 'node:util'
import type { Config } from '../config.ts'
import type { Answers } from './devices-process.ts'
import { type Finding, ok, trouble } from './finding.ts'

const PROCESS = join(import.meta.dirname, 'devices-process.ts')

export function devices(config: Config): Finding[] {
  const { status, stdout, stderr, error } = spawnSync('unshare', ['--net', process.execPath, PROCESS], {
    encoding: 'utf8',
  })
  if (error !== undefined || status !== 0) return [untried(error?.message ?? lastLine(stderr))]
  return [tcOf(JSON.parse(stdout), config), xdpOf(JSON.parse(stdout), config)]
}

/** Of a stack, what it is about. */
function lastLine(stderr: string): string {
  const lines = stderr.trim().split('\n')
  return lines.find(line => /Error: |unshare: /.test(line)) ?? lines.at(-1) ?? ''
}

function untried(found: string): Finding {
  return trouble('programs on devices', false, {
    found,
    consequence: 'It could not be tried whether programs can be attached to devices.',
    remedy: 'CAP_SYS_ADMIN makes network namespaces; unshare is of the package util-linux, and veth a module.',
  })
}

export function tcOf({ tcx, clsact }: Answers, { podPath, uplinks }: Pick<Config, 'podPath' | 'uplinks'>): Finding {
  const name = 'tc at devices'
  if (tcx === 0) return ok(name, `tcx${clsact === 0 ? '; clsact, too' : ''}`)
  if (clsact === 0)
    return trouble(name, false, {
      found: `clsact; tcx: ${errorText(tcx)}`,
      consequence: 'Other programs can come before ours, or remove them.',
      remedy: 'A filter on clsact is used. Linux 6.6 or newer has tcx.',
    })
  return trouble(name, podPath !== 'socket' || uplinks, {
    found: `tcx: ${errorText(tcx)}; clsact: ${errorText(clsact)}`,
    consequence: 'Neither clients outside nor guests at devices are served.',
    remedy: 'CONFIG_NET_CLS_BPF and CONFIG_NET_SCH_INGRESS; or podPath: socket with uplinks: false.',
  })
}

export function xdpOf({ xdp }: Answers, config: Pick<Config, 'xdp'>): Finding {
  const name = 'XDP at devices'
  if (xdp === 0) return ok(name, 'native, on a veth; drivers differ')
  return trouble(name, config.xdp === 'native', {
    found: errorText(xdp),
    consequence: 'Uplinks are not served before the stack.',
    remedy: 'tc at the uplinks serves the same.',
  })
}

function errorText(errno: number): string {
  if (errno === 0) return 'there'
  const [code, text] = getSystemErrorMap().get(errno) ?? [`errno ${-errno}`, 'the kernel refused']
  return `${text} (${code})`
}
