// SPDX-License-Identifier: Apache-2.0
/** The YAML documents of a configuration file, by their kind. */
import { parseAllDocuments } from 'yaml'
import { KUBE_PROXY_API_VERSION, KUBE_PROXY_KIND } from './kube-proxy-schema.ts'
import { withoutNulls } from './merge.ts'
import { isMapping } from './paths.ts'
import { API_VERSION, KIND } from './schema.ts'

export interface Documents {
  readonly own: object | undefined
  readonly kubeProxy: object | undefined
  readonly problems: readonly string[]
}

/** Keys of the ConfigMap: of kubeadm, and of EKS. */
const CONFIG_MAP_KEYS = ['config.conf', 'config']

export function readDocuments(text: string): Documents {
  const problems: string[] = []
  const documents = parse(text, problems).flatMap(document => unwrap(document, problems))
  const kubeProxy = documents.filter(isKubeProxy)
  const others = documents.filter(document => !isKubeProxy(document))
  const own = others.filter(isOwn)
  for (const { kind, apiVersion } of others.filter(document => !isOwn(document)))
    problems.push(
      `kind ${kind ?? '(none)'} of ${apiVersion ?? '(no apiVersion)'} is not read here: give ${KIND} (${API_VERSION}) or ${KUBE_PROXY_KIND} (${KUBE_PROXY_API_VERSION})`,
    )
  for (const [kind, { length }] of [
    [KIND, own],
    [KUBE_PROXY_KIND, kubeProxy],
  ] as const)
    if (length > 1) problems.push(`there are ${length} documents of kind ${kind}: keep one`)
  return { own: own[0], kubeProxy: kubeProxy[0], problems }
}

interface Document {
  readonly kind?: unknown
  readonly apiVersion?: unknown
}

function parse(text: string, problems: string[]): Document[] {
  return [...parseAllDocuments(text)].flatMap(document => {
    try {
      // One is enough: what follows a mistake is often guesswork.
      const [error] = document.errors
      if (error !== undefined) throw error
      const value = withoutNulls(document.toJS())
      if (value === null) return []
      if (isMapping(value)) return [value]
      problems.push('expected fields, each with a name, like "nodeName: node1"')
    } catch (error) {
      problems.push(`not valid YAML: ${(error as Error).message.split('\n', 1)[0]!.replace(/:$/, '')}`)
    }
    return []
  })
}

/** What is inside of a ConfigMap: `kubectl -n kube-system get configmap kube-proxy -o yaml`. */
function unwrap(document: Document, problems: string[]): Document[] {
  if (document.kind !== 'ConfigMap') return [document]
  const data = 'data' in document && isMapping(document.data) ? document.data : {}
  const key = CONFIG_MAP_KEYS.find(key => typeof data[key] === 'string')
  if (key !== undefined) return parse(String(data[key]), problems)
  problems.push(`the ConfigMap has none of the keys ${CONFIG_MAP_KEYS.join(', ')} in data`)
  return []
}

function isKubeProxy({ kind, apiVersion }: Document): boolean {
  return kind === KUBE_PROXY_KIND || String(apiVersion).startsWith('kubeproxy.config.k8s.io/')
}

/** Both may be left out. */
function isOwn({ kind, apiVersion }: Document): boolean {
  return kind === KIND || (kind === undefined && (apiVersion === undefined || apiVersion === API_VERSION))
}
