// SPDX-License-Identifier: Apache-2.0
/** What every source of objects gives: the manifests folder and the Kubernetes API alike. */
import type { Node, ServiceKey, ServiceView } from '../objects.ts'

/** What changed since the last update. */
export interface Update {
  /** Services whose object or slices changed; undefined: the Service is gone. */
  readonly services: ReadonlyMap<ServiceKey, ServiceView | undefined>
  /** The own node, when it changed or on the first update; null: no such Node object. */
  readonly node?: Node | null
  /**
   * True while the source holds something that it can't read and never could (a file broken since the start): a Service that is
   * absent may well exist, so nothing that is live may be removed for being absent. Given with each update.
   */
  readonly incomplete: boolean
}

/** Something that a person must be told: it names the object, the field and what to do. */
export interface Problem {
  readonly severity: 'warning' | 'error'
  /** File and line ("web.yaml:12"), or the object ("Service default/web"). */
  readonly where: string
  readonly message: string
  /** Changes wait until this is gone: no update comes while it stands. */
  readonly blocking?: boolean
  /** The source itself can't be read, all or in part: what was last read stands, and what is newer is not known. */
  readonly unread?: boolean
}

/** What a source can't work with: the message names what was tried, on what, and what to do. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
}

/** "ENOENT" and the like; empty when the error has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

export interface SourceEvents {
  /**
   * Called with the whole state first, once everything has synced (the first call means synced), then with each change.
   * Never called with a partial view.
   */
  readonly onUpdate: (update: Update) => void
  /** Called with all problems that stand now, whenever they change. */
  readonly onProblems: (problems: readonly Problem[]) => void
  /** Called for each request that a source makes over HTTP, when it has its answer's head or none. */
  readonly onRequest?: (request: SourceRequest) => void
}

export interface SourceRequest {
  readonly method: string
  /** "10.0.0.1:6443" */
  readonly host: string
  /** Of HTTP; undefined: there was no answer. */
  readonly status: number | undefined
  readonly seconds: number
}

export interface Source {
  /** Begins to read. Rejects only when it can never work (the folder does not exist, the kubeconfig is unreadable). */
  start(events: SourceEvents): Promise<void>
  stop(): Promise<void>
  /** Writes an object, where there is a server for it. Rejects when it would not take it. */
  readonly send?: (method: 'POST' | 'PATCH', path: string, body: object) => Promise<void>
}
