// SPDX-License-Identifier: Apache-2.0
/** Whom to ask and as whom: a kubeconfig file, or the service account of the pod that this process is in. */
import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { parse } from 'yaml'
import { z } from 'zod'
import { issueOf, showPath } from '../manifests/issue.ts'
import { codeOf, SourceError } from '../source.ts'
import { reasonOf } from './failure.ts'

/** With a current cluster. Throws a SourceError that says what to mend. */
export function openKubeconfig(file: string | undefined): KubeConfig {
  const config = file === undefined ? podConfig() : fileConfig(file)
  const cluster = config.getCurrentCluster()
  const where = `${file ?? 'the service account'}: context "${config.getCurrentContext()}"`
  if (cluster === null) throw new SourceError(`${where} names no cluster of this file: mend contexts or clusters`)
  const wanted = config.getContextObject(config.getCurrentContext())?.user
  if (wanted && config.getCurrentUser() === null)
    throw new SourceError(`${where} names the user "${wanted}", which is not in users: add it`)
  if (!/^https?:\/\//.test(cluster.server) || !URL.canParse(cluster.server))
    throw new SourceError(
      `${where}: cluster.server "${cluster.server}" is no URL: give one such as https://10.0.0.1:6443`,
    )
  // The client refuses to speak plain HTTP otherwise, which kubectl does.
  if (cluster.server.startsWith('http:')) Object.assign(cluster, { skipTLSVerify: true })
  return config
}

/** Whether this process is in a pod. */
export function isInCluster(): boolean {
  return Boolean(process.env.KUBERNETES_SERVICE_HOST && process.env.KUBERNETES_SERVICE_PORT)
}

function podConfig(): KubeConfig {
  if (!isInCluster()) throw new SourceError('no kubeconfig, and this is no pod: give --kubeconfig FILE')
  const config = new KubeConfig()
  config.loadFromCluster()
  return config
}

const text = z.string().min(1, 'is empty: give its name')
const exec = z.looseObject({
  apiVersion: z.string(),
  command: text,
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
})
const user = z.looseObject({ tokenFile: z.string().nullish(), exec: exec.nullish() })

const schema = z.looseObject({
  'current-context': text,
  clusters: z.array(z.looseObject({ name: text, cluster: z.looseObject({ server: text }) })),
  contexts: z.array(z.looseObject({ name: text, context: z.looseObject({ cluster: text }) })),
  users: z.array(z.looseObject({ name: text, user: user.nullish() })).nullish(),
})

function fileConfig(file: string): KubeConfig {
  const parsed = schema.safeParse(readYaml(file), { reportInput: true })
  if (!parsed.success) {
    const { path, message } = issueOf(parsed.error.issues[0]!)
    throw new SourceError(`${file} is no kubeconfig: ${[showPath(path), message].filter(Boolean).join(' ')}`)
  }
  const folder = dirname(resolve(file))
  const users = (parsed.data.users ?? []).map(({ name, user }) => ({ name, user: completeUser(user ?? {}, folder) }))
  const config = new KubeConfig()
  config.loadFromString(JSON.stringify({ ...parsed.data, users }))
  config.makePathsAbsolute(folder)
  return config
}

function readYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const reason = codeOf(error).startsWith('E') ? codeOf(error) : reasonOf(error)
    throw new SourceError(`${file}: can't be read as a kubeconfig (${reason}): name one that kubectl works with`)
  }
}

type User = z.infer<typeof user>

/** What client-go does and the client does not: tokenFile (read again every minute), and the environment of plugins. */
function completeUser({ tokenFile, exec, ...rest }: User, folder: string): object {
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
