// SPDX-License-Identifier: Apache-2.0
/** Whether this node's Services are kept up to date: what /healthz, /livez and the health checks of Services tell. */
import type { Node } from '../objects.ts'

/** Set by the cluster autoscaler on a node that it is about to delete. */
const TO_BE_DELETED_TAINT = 'ToBeDeletedByClusterAutoscaler'

/** Where a change can get stuck: in the source that has seen it, or on its way into the maps. */
export type Stage = 'source' | 'maps'

export interface HealthReport {
  /** No change has waited for longer than the time-out. */
  readonly healthy: boolean
  /** As in kube-proxy: the time of the report while healthy, else of the last change that was applied; null: none was. */
  readonly lastUpdated: Date | null
  /** null: no change was yet. */
  readonly lastApplied: Date | null
  readonly currentTime: Date
  /** The own node is not on its way out. */
  readonly nodeEligible: boolean
  /** Why the source can't be read, while it can't: what is served may be out of date. No reason to send traffic elsewhere. */
  readonly sourceError: string | undefined
}

export interface Health {
  /** A change waits here from now on, unless an older one does already. */
  queued(stage: Stage): void
  /** Nothing waits here any more. */
  done(stage: Stage): void
  /** The own Node. null, no such object, changes nothing: one that was being deleted is deleted now. */
  setNode(node: Node | null): void
  /** undefined: it can be read. */
  setSourceError(error: string | undefined): void
  report(): HealthReport
}

/** Healthy, until told otherwise for too long. */
export function createHealth(timeoutMs: number): Health {
  /** Since when a change waits, in milliseconds of the steady clock. */
  const waiting = new Map<Stage, number>()
  let lastApplied: Date | null = null
  let nodeEligible = true
  let sourceError: string | undefined
  return {
    queued(stage) {
      if (!waiting.has(stage)) waiting.set(stage, performance.now())
    },
    done(stage) {
      waiting.delete(stage)
      if (stage === 'maps') lastApplied = new Date()
    },
    setNode(node) {
      if (node !== null) nodeEligible = isEligible(node)
    },
    setSourceError(error) {
      sourceError = error
    },
    report() {
      const currentTime = new Date()
      const late = performance.now() - timeoutMs
      const healthy = waiting.values().every(since => since > late)
      const lastUpdated = healthy ? currentTime : lastApplied
      return { healthy, lastUpdated, lastApplied, currentTime, nodeEligible, sourceError }
    },
  }
}

function isEligible({ deleting, taints }: Node): boolean {
  return !deleting && !taints.some(({ key }) => key === TO_BE_DELETED_TAINT)
}
