// SPDX-License-Identifier: Apache-2.0
/** Destroys sockets whose backend is gone, in every network namespace: their clients notice at once and connect anew. */
import { bridge } from '../kernel/bridge.ts'
import { check } from '../kernel/errno.ts'
import { networkNamespaces } from '../kernel/network-namespaces.ts'
import type { LoadedObject } from '../kernel/objects.ts'

export interface StaleSockets {
  /** Runs soon; calls that come together run once. */
  request(): void
  close(): void
}

export interface StaleSocketsOptions {
  /** bpf/destroy.bpf.c */
  readonly object: LoadedObject
  /** TCP connections too; kube-proxy leaves them to end by themselves. */
  readonly tcp: boolean
  readonly onError: (error: Error) => void
}

export function staleSockets({ object, tcp, onError }: StaleSocketsOptions): StaleSockets {
  const programs = tcp ? ['destroy_udp', 'destroy_tcp'] : ['destroy_udp']
  const links = programs.map(name => {
    const program = object.programFd(name)
    const link = check(bridge.attachIterator(program), 'make an iterator of', name)
    bridge.close(program)
    return link
  })
  let requested: NodeJS.Immediate | undefined
  return {
    request() {
      requested ??= setImmediate(() => {
        requested = undefined
        try {
          destroyNow(links)
        } catch (error) {
          onError(error as Error)
        }
      })
    },
    close() {
      clearImmediate(requested)
      for (const link of links) bridge.close(link)
    },
  }
}

/** A namespace whose last process ended meanwhile has no socket in use. */
function destroyNow(links: readonly number[]): void {
  for (const path of networkNamespaces()) for (const link of links) bridge.iteratorRun(link, path)
}
