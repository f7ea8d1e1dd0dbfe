// SPDX-License-Identifier: Apache-2.0
/**
 * The fields of KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1) up to Kubernetes 1.36, and those of older versions that
 * kubeadm has written into clusters. Field names and types: staging/src/k8s.io/kube-proxy/config/v1alpha1/types.go.
 */
import { z } from 'zod'
import { parseAddress } from '../address.ts'
import { parseBindAddress } from '../serve/bind-address.ts'
import { canonicalCIDR, familyOf } from '../source/manifests/address.ts'
import { parseDuration } from './duration.ts'

export const KUBE_PROXY_API_VERSION = 'kubeproxy.config.k8s.io/v1alpha1'
export const KUBE_PROXY_KIND = 'KubeProxyConfiguration'

const text = z.string().optional()
const flag = z.boolean().optional()
const int = (min: number, max: number) => z.number().int().min(min).max(max).optional()
const count = int(0, 2_147_483_647)
const duration = z
  .string()
  .refine(text => (parseDuration(text) ?? -1) >= 0, {
    error: 'expected a duration that is not negative, like 30s or 1h15m',
  })
  .optional()
const cidr = z.string().refine(isCidr, { error: 'expected a CIDR, like 10.244.0.0/16 or fd00:10::/56' })

/** One, or one of each family with a comma between. */
const clusterCIDR = z
  .string()
  .refine(isCidrPair, { error: 'expected a CIDR, or one of each family: 10.244.0.0/16,fd00:10::/56' })
  .optional()
const hostPort = z
  .string()
  .refine(isHostPort, { error: 'expected an address, or an address and a port, like 0.0.0.0:10256 or [::]:10256' })
  .optional()
const address = z
  .string()
  .refine(text => text === '' || parseAddress(text) !== undefined, { error: 'expected an IP address' })
  .optional()
const nodePortAddress = z.string().refine(text => ['primary', 'localhost', 'all'].includes(text) || isCidr(text), {
  error: 'expected a CIDR, or one of primary, localhost, all',
})

const output = z.strictObject({ splitStream: flag, infoBufferSize: z.union([z.string(), z.number()]).optional() })
const logging = z.strictObject({
  format: text,
  flushFrequency: z.union([z.number().int(), duration]).optional(),
  verbosity: count,
  vmodule: z.array(z.strictObject({ filePattern: z.string(), verbosity: z.number().int().min(0) })).optional(),
  options: z.strictObject({ text: output.optional(), json: output.optional() }).optional(),
})

const periods = { syncPeriod: duration, minSyncPeriod: duration }
const masquerade = { masqueradeBit: int(0, 31), masqueradeAll: flag }

export const kubeProxySchema = z.strictObject({
  apiVersion: z.literal(KUBE_PROXY_API_VERSION).optional(),
  kind: z.literal(KUBE_PROXY_KIND).optional(),
  featureGates: z.record(z.string(), z.boolean()).optional(),
  clientConnection: z
    .strictObject({
      kubeconfig: text,
      acceptContentTypes: text,
      contentType: text,
      qps: z.number().optional(),
      burst: count,
    })
    .optional(),
  logging: logging.optional(),
  hostnameOverride: text,
  bindAddress: address,
  healthzBindAddress: hostPort,
  metricsBindAddress: hostPort,
  bindAddressHardFail: flag,
  enableProfiling: flag,
  showHiddenMetricsForVersion: text,
  mode: z.enum(['', 'iptables', 'ipvs', 'nftables', 'kernelspace', 'userspace']).optional(),
  iptables: z
    .strictObject({ ...masquerade, localhostNodePorts: flag, snatNodeInternalIP: flag, ...periods })
    .optional(),
  ipvs: z
    .strictObject({
      ...periods,
      scheduler: text,
      excludeCIDRs: z.array(cidr).optional(),
      strictARP: flag,
      tcpTimeout: duration,
      tcpFinTimeout: duration,
      udpTimeout: duration,
    })
    .optional(),
  nftables: z.strictObject({ ...masquerade, ...periods }).optional(),
  winkernel: z
    .strictObject({
      networkName: text,
      sourceVip: text,
      enableDSR: flag,
      rootHnsEndpointName: text,
      forwardHealthCheckVip: flag,
    })
    .optional(),
  detectLocalMode: z.enum(['', 'ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix']).optional(),
  detectLocal: z.strictObject({ bridgeInterface: text, interfaceNamePrefix: text }).optional(),
  clusterCIDR,
  nodePortAddresses: z.array(nodePortAddress).optional(),
  oomScoreAdj: int(-1000, 1000),
  conntrack: z
    .strictObject({
      maxPerCore: count,
      min: count,
      tcpEstablishedTimeout: duration,
      tcpCloseWaitTimeout: duration,
      tcpBeLiberal: flag,
      udpTimeout: duration,
      udpStreamTimeout: duration,
      // Of older versions
      max: count,
    })
    .optional(),
  configSyncPeriod: duration,
  portRange: text,
  windowsRunAsService: flag,
  // Of older versions
  udpIdleTimeout: duration,
  resourceContainer: text,
})

export type KubeProxyFields = z.infer<typeof kubeProxySchema>

function isCidr(text: string): boolean {
  return canonicalCIDR(text) !== undefined
}

function isCidrPair(text: string): boolean {
  if (text === '') return true
  const cidrs = text.split(',')
  return cidrs.every(isCidr) && cidrs.length <= 2 && new Set(cidrs.map(familyOf)).size === cidrs.length
}

/** A port that is missing is the usual one. */
function isHostPort(text: string): boolean {
  return text === '' || parseAddress(text) !== undefined || parseBindAddress(text) !== undefined
}
