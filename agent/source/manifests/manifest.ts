// SPDX-License-Identifier: Apache-2.0
/** The objects of a manifest, once read and checked. */
import type { EndpointSlice, Node, Protocol, Service } from '../../objects.ts'
import type { Family } from './address.ts'

export type FamilyPolicy = 'SingleStack' | 'PreferDualStack' | 'RequireDualStack'

/** A Service as it was written: without what has to be allocated. */
export interface ServiceManifest {
  readonly service: Service
  /** Undefined: none, its endpoints are given by hand. */
  readonly selector: Readonly<Record<string, string>> | undefined
  readonly publishNotReadyAddresses: boolean
  readonly ipFamilies: readonly Family[]
  readonly ipFamilyPolicy: FamilyPolicy | undefined
}

export interface ContainerPort {
  readonly name: string
  readonly protocol: Protocol
  readonly port: number
}

export interface Pod {
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly addresses: readonly string[]
  /** The Ready condition. */
  readonly ready: boolean
  readonly terminating: boolean
  /** Succeeded or Failed: it will never answer again. */
  readonly finished: boolean
  readonly nodeName: string
  /** Only the named ones. */
  readonly ports: readonly ContainerPort[]
}

/** Endpoints (v1) of one Service, as slices. */
export interface Mirror {
  readonly slices: readonly EndpointSlice[]
}

interface Values {
  readonly Service: ServiceManifest
  readonly EndpointSlice: EndpointSlice
  readonly Endpoints: Mirror
  readonly Pod: Pod
  readonly Node: Node
}

export type Kind = keyof Values

export type Manifest = {
  readonly [K in Kind]: { readonly kind: K; readonly id: ManifestId; readonly value: Values[K] }
}[Kind]

/** "Service default/web", "Node node1": what an object is called in messages, and its identity. */
export type ManifestId = string
