// SPDX-License-Identifier: Apache-2.0
/** The lab's network namespaces, as `ip netns` keeps them. */
import { readdir } from 'node:fs/promises'
import { type Confinement, runConfined } from './command.ts'
import type { Configuration } from './configuration.ts'
import { errorCode } from './error.ts'
import { IP } from './far-end.ts'
import { netnsPrefix } from './names.ts'

/** Runs lines of `ip`, all or an error that shows the failed line. */
export async function ipBatch(where: Confinement, lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await runConfined(where, ['ip', '-batch', '-'], `${lines.join('\n')}\n`)
}

/** Sets sysctls below /proc/sys/net of a namespace ("ipv4/ip_forward"), runs lines of `ip` there, then sets features of devices. */
export async function configure(where: Confinement, configuration: Omit<Configuration, 'netns'>): Promise<void> {
  const { sysctls, lines, features = [] } = configuration
  const settings = Object.entries(sysctls).map(([path, value]) => `echo '${value}' >/proc/sys/net/${path}`)
  const switches = features.map(({ device, features }) => `ethtool -K ${device} ${features}`)
  const script = ['set -e', ...settings, `${IP} -batch - <<'END'`, ...lines, 'END', ...switches, '']
  await runConfined(where, ['/bin/sh', '-s'], script.join('\n'))
}

export async function namespacesOf(lab: string): Promise<string[]> {
  try {
    return (await readdir('/run/netns')).filter(name => name.startsWith(netnsPrefix(lab)))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}
