// SPDX-License-Identifier: Apache-2.0
/** Node (v1) of the API: the fields that are used. */
import type { Node, Taint } from '../../objects.ts'
import { items, mapping, type Raw, text, texts } from './raw.ts'
import { namedWith } from './service.ts'

const LABELS = 'topology.kubernetes.io/'

export function readNode(raw: Raw): Node {
  const metadata = mapping(raw, 'metadata', '')
  const spec = mapping(raw, 'spec', '')
  const labels = namedWith(LABELS, 'labels', metadata)
  const podCIDRs = texts(spec, 'podCIDRs', 'spec.')
  const podCIDR = text(spec, 'podCIDR', 'spec.')
  return {
    name: text(metadata, 'name', 'metadata.'),
    labels,
    zone: labels[`${LABELS}zone`] ?? '',
    addresses: internalFirst(items(mapping(raw, 'status', ''), 'addresses', 'status.', readAddress)),
    podCIDRs: podCIDRs.length > 0 || podCIDR === '' ? podCIDRs : [podCIDR],
    taints: items(spec, 'taints', 'spec.', readTaint),
    deleting: metadata.deletionTimestamp != null,
  }
}

interface NodeAddress {
  readonly type: string
  readonly address: string
}

function readAddress(raw: Raw, at: string): NodeAddress {
  const type = text(raw, 'type', at)
  return { type, address: type === 'InternalIP' || type === 'ExternalIP' ? text(raw, 'address', at) : '' }
}

function internalFirst(all: readonly NodeAddress[]): string[] {
  return ['InternalIP', 'ExternalIP'].flatMap(wanted =>
    all.filter(({ type, address }) => type === wanted && address !== '').map(({ address }) => address),
  )
}

function readTaint(raw: Raw, at: string): Taint {
  return { key: text(raw, 'key', at), effect: text(raw, 'effect', at) }
}
