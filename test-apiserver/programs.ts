// SPDX-License-Identifier: Apache-2.0
/** The programs that scripts/install-kubernetes finds or makes. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface Programs {
  readonly etcd: string
  readonly etcdctl: string
  /** Restores a snapshot: etcdutl since etcd 3.5, and etcdctl until then. */
  readonly restore: string
  readonly server: string
  /** "1.20.2" */
  readonly version: string
  /** 20 of 1.20.2. */
  readonly minor: number
}

/** As the environment says. Throws when it does not. */
export function findPrograms(): Programs {
  const server = program('KUBE_APISERVER')
  const version = execFileSync(server, ['--version'], { encoding: 'utf8' })
  const [, whole, minor] = /v(1\.(\d+)\.\S+)/.exec(version) ?? []
  if (whole === undefined) throw new Error(`${server} --version says no version: ${version}`)
  const etcdctl = program('ETCDCTL')
  const etcdutl = join(dirname(etcdctl), 'etcdutl')
  const restore = existsSync(etcdutl) ? etcdutl : etcdctl
  return { etcd: program('ETCD'), etcdctl, restore, server, version: whole, minor: Number(minor) }
}

/** The path that a variable of the environment has. Throws when it has none. */
export function program(variable: string): string {
  const path = process.env[variable]
  if (path) return path
  throw new Error(`${variable} is not set: use make test-apiserver, or eval "$(scripts/install-kubernetes)" first`)
}
