// SPDX-License-Identifier: Apache-2.0
/** What the lab's pods run: one process of serve.ts a pod. */
import { join } from 'node:path'
import { type Context, confinement, environment } from './context.ts'
import { startDaemon } from './daemon.ts'
import { type PlannedPod, podPlace } from './plan.ts'
import type { ProcessId } from './process.ts'

/** A pod's server needs little: small heaps let a lab have many. */
const SMALL_HEAP = ['--max-old-space-size=48', '--max-semi-space-size=2']

function serverLabel(pod: string): string {
  return `pod-${pod}`
}

export async function startServer(
  context: Context,
  pod: PlannedPod,
  record: (id: ProcessId) => Promise<void>,
): Promise<void> {
  const { paths } = context
  const label = serverLabel(pod.name)
  const ports = pod.ports
    .filter(({ protocol }) => protocol !== 'SCTP')
    .flatMap(({ protocol, port }) => [`--${protocol.toLowerCase()}`, String(port)])
  const options = ['--name', pod.name, '--ready-file', paths.ready(label), ...ports]
  const place = podPlace(pod)
  await startDaemon({
    what: `the server of pod ${pod.name}`,
    where: confinement(context, place),
    argv: [process.execPath, ...SMALL_HEAP, join(import.meta.dirname, 'serve.ts'), ...options],
    env: environment(context, place),
    logFile: paths.log(label),
    readyFile: paths.ready(label),
    record,
  })
}
