// SPDX-License-Identifier: Apache-2.0
/** Pods of the lab that come from Pod manifests. */
import { z } from 'zod'
import type { FoundDocument } from './documents.ts'
import { LabError } from './error.ts'
import { fieldName, type Topology, type TopologyPod } from './topology.ts'

/** Annotations of a Pod that say what the lab makes of it. Without `node`, Pods go round the nodes in turn. */
const SERVE_ANNOTATION = 'lab.evenkeel.io/serve'
const NODE_ANNOTATION = 'lab.evenkeel.io/node'

const podSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().default('default'),
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: z
    .looseObject({
      nodeName: z.string().optional(),
      containers: z
        .array(
          z.looseObject({
            ports: z
              .array(
                z.looseObject({
                  name: z.string().optional(),
                  containerPort: z.int().min(1).max(65535),
                  protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
                }),
              )
              .default([]),
          }),
        )
        .default([]),
    })
    .prefault({}),
})

/** Makes pods of the lab from Pod manifests. */
export function podsFromManifests(documents: readonly FoundDocument[], nodes: Topology['nodes']): TopologyPod[] {
  return documents.map((document, i) => podFromManifest(document, nodes[i % nodes.length]!.name))
}

function podFromManifest({ value, locate }: FoundDocument, defaultNode: string): TopologyPod {
  const parsed = podSchema.safeParse(value)
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => `${locate(path)}: Pod: ${fieldName(path)}: ${message}`)
    throw new LabError(lines.join('\n'))
  }
  const { metadata, spec } = parsed.data
  const ports = spec.containers.flatMap(({ ports }) => ports)
  const serve = metadata.annotations[SERVE_ANNOTATION]
  if (serve !== undefined && serve !== 'hostnames')
    throw new LabError(
      `${locate(['metadata', 'annotations', SERVE_ANNOTATION])}: the lab can serve "hostnames" only, not "${serve}"`,
    )
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    labels: metadata.labels,
    node: metadata.annotations[NODE_ANNOTATION] ?? spec.nodeName ?? defaultNode,
    ports: ports.map(({ name, containerPort, protocol }) => ({ name, port: containerPort, protocol })),
    serve,
    ready: true,
    manifest: value,
  }
}
