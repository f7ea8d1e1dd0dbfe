// SPDX-License-Identifier: Apache-2.0
/** Whom to ask and as whom: a kubeconfig file, or the service account of the pod that this process is in. */
import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { Cluster, User } from '@kubernetes/client-node'
import { newClusters, newUsers } from '@kubernetes/client-node/dist/config_types.js'
import { parse } from 'yaml'
import { z } from 'zod'
import { issueOf, showPath } from '../manifests/issue.ts'
import { codeOf, SourceError } from '../source.ts'
import { reasonOf } from './failure.ts'

export interface Kubeconfig {
  readonly cluster: Cluster
  /** Undefined: nobody. */
  readonly user: User | undefined
}

/**
 * The current cluster and user. `server`: its URL in the place of the one that is written, if not empty; without a file and outside
 * of a pod it is asked without credentials. Throws a SourceError that says what to mend.
 */
export function openKubeconfig(file: string | undefined, server = ''): Kubeconfig {
  if (file === undefined && server !== '' && !isInCluster()) return { cluster: clusterAt(server), user: undefined }
  const config = file === undefined ? podConfig() : fileConfig(file)
  return server === '' ? config : { ...config, cluster: clusterAt(server, config.cluster) }
}

/** Whether this process is in a pod. */
export function isInCluster(): boolean {
  return Boolean(process.env.KUBERNETES_SERVICE_HOST && process.env.KUBERNETES_SERVICE_PORT)
}

/** Where every container finds it (Kubernetes' documentation, "Accessing the API from a Pod"). */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

function podConfig(): Kubeconfig {
  if (!isInCluster()) throw new SourceError('no kubeconfig, and this is no pod: give --kubeconfig FILE')
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port } = process.env
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`
  const cluster = { name: 'pod', server, caFile: `${SERVICE_ACCOUNT}/ca.crt`, skipTLSVerify: false }
  const user = { name: 'pod', authProvider: fileProvider(`${SERVICE_ACCOUNT}/token`) }
  return { cluster: checked(cluster, 'the service account'), user }
}

function checked(cluster: Cluster, where: string): Cluster {
  const { server } = cluster
  if (!/^https?:\/\//.test(server) || !URL.canParse(server))
    throw new SourceError(`${where}: cluster.server "${server}" is no URL: give one such as https://10.0.0.1:6443`)
  // The client refuses to speak plain HTTP otherwise, which kubectl does.
  return server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster
}

function clusterAt(server: string, cluster: Cluster = { name: 'server', server, skipTLSVerify: false }): Cluster {
  return checked({ ...cluster, server }, 'apiServer')
}

const text = z.string().min(1, 'is empty: give its name')
const exec = z.looseObject({
  apiVersion: z.string(),
  command: text,
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
})
const user = z.looseObject({ tokenFile: z.string().nullish(), exec: exec.nullish() })

const named = z.looseObject({ name: text, user: user.nullish() })

const schema = z.looseObject({
  'current-context': text,
  clusters: z.array(z.looseObject({ name: text, cluster: z.looseObject({ server: text }) })),
  contexts: z.array(
    z.looseObject({ name: text, context: z.looseObject({ cluster: text, user: z.string().nullish() }) }),
  ),
  users: z.array(named).nullish(),
})

function fileConfig(file: string): Kubeconfig {
  const parsed = schema.safeParse(readYaml(file), { reportInput: true })
  if (!parsed.success) {
    const { path, message } = issueOf(parsed.error.issues[0]!)
    throw new SourceError(`${file} is no kubeconfig: ${[showPath(path), message].filter(Boolean).join(' ')}`)
  }
  const { clusters, contexts, users, 'current-context': current } = parsed.data
  const where = `${file}: context "${current}"`
  const context = contexts.find(({ name }) => name === current)?.context
  const cluster = newClusters(clusters).find(({ name }) => name === context?.cluster)
  if (cluster === undefined) throw new SourceError(`${where} names no cluster of this file: mend contexts or clusters`)
  const folder = dirname(resolve(file))
  const user = context?.user ? userOf(users ?? [], context.user, folder) : undefined
  if (context?.user && user === undefined)
    throw new SourceError(`${where} names the user "${context.user}", which is not in users: add it`)
  return { cluster: checked(placed(cluster, folder, ['caFile']), where), user }
}

function userOf(users: readonly z.infer<typeof named>[], wanted: string, folder: string): User | undefined {
  const found = users.find(({ name }) => name === wanted)
  if (found === undefined) return undefined
  const [user] = newUsers([{ name: wanted, user: completeUser(found.user ?? {}, folder) }])
  return user && placed(user, folder, ['certFile', 'keyFile'])
}

/** Paths in a kubeconfig are relative to its folder. */
function placed<T extends object>(value: T, folder: string, keys: readonly (keyof T)[]): T {
  const paths = keys.filter(key => value[key]).map(key => [key, absolute(String(value[key]), folder)])
  return { ...value, ...Object.fromEntries(paths) }
}

function readYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const reason = codeOf(error).startsWith('E') ? codeOf(error) : reasonOf(error)
    throw new SourceError(`${file}: can't be read as a kubeconfig (${reason}): name one that kubectl works with`)
  }
}

/** What client-go does and the client does not: tokenFile (read again every minute), and the environment of plugins. */
function completeUser({ tokenFile, exec, ...rest }: z.infer<typeof user>, folder: string): object {
  const { token, ...others } = rest
  return {
    ...(tokenFile ? { ...others, 'auth-provider': fileProvider(absolute(tokenFile, folder)) } : rest),
    ...(exec && { exec: completePlugin(exec, folder) }),
  }
}

function fileProvider(tokenFile: string) {
  return { name: 'tokenFile', config: { tokenFile } }
}

function completePlugin(exec: z.infer<typeof user>['exec'] & object, folder: string): object {
  const { apiVersion, command, env } = exec
  const info = JSON.stringify({ apiVersion, kind: 'ExecCredential', spec: { interactive: false } })
  return {
    ...exec,
    command: command.includes('/') ? absolute(command, folder) : command,
    env: [...(env ?? []), { name: 'KUBERNETES_EXEC_INFO', value: info }],
  }
}

function absolute(path: string, folder: string): string {
  return isAbsolute(path) ? path : join(folder, path)
}
