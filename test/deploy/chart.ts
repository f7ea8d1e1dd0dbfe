// SPDX-License-Identifier: Apache-2.0
/** The objects of the chart, as far as tests look at them. */
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { PROJECT_FOLDER } from '../../lab/names.ts'
import { renderChart } from '../../scripts/chart.ts'

const CHART = join(PROJECT_FOLDER, 'deploy/helm/evenkeel')

interface Named {
  readonly name: string
}

export interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

export interface Container extends Named {
  readonly image: string
  readonly args: readonly string[]
  readonly env: readonly (Named & { readonly value?: string })[]
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly livenessProbe: { readonly httpGet: { readonly path: string; readonly port: number } }
  readonly readinessProbe: { readonly httpGet: { readonly path: string; readonly port: number } }
  readonly volumeMounts: readonly (Named & { readonly mountPath: string; readonly mountPropagation?: string })[]
}

export interface PodSpec extends Readonly<Record<string, unknown>> {
  readonly serviceAccountName: string
  readonly containers: readonly [Container]
  readonly volumes: readonly (Named & {
    readonly hostPath?: { readonly path: string; readonly type: string }
    readonly configMap?: Named
  })[]
}

export interface ChartObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Named & { readonly namespace?: string }
  readonly data?: Readonly<Record<string, string>>
  readonly rules?: readonly Rule[]
  readonly roleRef?: Named & { readonly apiGroup: string; readonly kind: string }
  readonly subjects?: readonly (Named & { readonly kind: string; readonly namespace: string })[]
  readonly spec?: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> }
      readonly spec: PodSpec
    }
  }
}

/** Throws when a document is no YAML. */
export function objectsOf(text: string): ChartObject[] {
  return parseAllDocuments(text).map(document => {
    if ('errors' in document && document.errors.length > 0) throw document.errors[0]
    return document.toJS() as ChartObject
  })
}

export function chartObjects(values: Readonly<Record<string, unknown>> = {}): Map<string, ChartObject> {
  const objects = objectsOf(renderChart(CHART, { namespace: 'kube-system', values }))
  return new Map(objects.map(object => [object.kind, object]))
}
