// SPDX-License-Identifier: Apache-2.0
/** Pod (v1): what makes it an endpoint. */
import { z } from 'zod'
import { dnsSubdomain, ipAddress, metadata, portNumber, protocol } from './fields.ts'
import type { ContainerPort, Pod } from './manifest.ts'

const container = z.object({
  restartPolicy: z.string().nullish(),
  ports: z
    .array(z.object({ name: z.string().nullish(), protocol: protocol.nullish(), containerPort: portNumber }))
    .nullish(),
})

export const podSchema = z.object({
  metadata: metadata.extend({ name: dnsSubdomain }),
  spec: z
    .object({
      nodeName: z.string().nullish(),
      containers: z.array(container).nullish(),
      initContainers: z.array(container).nullish(),
    })
    .nullish(),
  status: z
    .object({
      phase: z.string().nullish(),
      podIP: z.union([z.literal(''), ipAddress]).nullish(),
      podIPs: z.array(z.object({ ip: ipAddress })).nullish(),
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).nullish(),
    })
    .nullish(),
})

type RawPod = z.infer<typeof podSchema>

export function readPod(raw: RawPod, namespace: string): Pod {
  const { metadata, spec, status } = raw
  const listed = (status?.podIPs ?? []).map(({ ip }) => ip)
  return {
    namespace,
    name: metadata.name,
    labels: metadata.labels ?? {},
    addresses: listed.length > 0 ? listed : status?.podIP ? [status.podIP] : [],
    ready: (status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True'),
    terminating: metadata.deletionTimestamp != null,
    finished: status?.phase === 'Succeeded' || status?.phase === 'Failed',
    nodeName: spec?.nodeName ?? '',
    ports: namedPorts(raw),
  }
}

/** Of the containers and of init containers that keep running (sidecars), in the order in which Kubernetes looks. */
function namedPorts({ spec }: RawPod): readonly ContainerPort[] {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  return [...(spec?.containers ?? []), ...sidecars].flatMap(({ ports }) =>
    (ports ?? []).flatMap(({ name, protocol, containerPort }) =>
      name ? [{ name, protocol: protocol ?? 'TCP', port: containerPort } as const] : [],
    ),
  )
}
