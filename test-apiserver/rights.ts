// SPDX-License-Identifier: Apache-2.0
/** What the agent may do in a cluster, and nothing else. */
import type { ApiObject } from '../test/kubernetes/objects.ts'

const API_GROUP = 'rbac.authorization.k8s.io'
const NAME = 'evenkeel'
const NAMESPACE = 'kube-system'
const READ = ['get', 'list', 'watch']

export const ACCOUNT: ApiObject = {
  ...{ apiVersion: 'v1', kind: 'ServiceAccount' },
  metadata: { name: NAME, namespace: NAMESPACE },
}

export const RIGHTS: readonly ApiObject[] = [
  {
    ...{ apiVersion: `${API_GROUP}/v1`, kind: 'ClusterRole', metadata: { name: NAME } },
    rules: [
      { apiGroups: [''], resources: ['services', 'nodes'], verbs: READ },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
      { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
    ],
  } as ApiObject,
  {
    ...{ apiVersion: `${API_GROUP}/v1`, kind: 'ClusterRoleBinding', metadata: { name: NAME } },
    roleRef: { apiGroup: API_GROUP, kind: 'ClusterRole', name: NAME },
    subjects: [{ kind: 'ServiceAccount', name: NAME, namespace: NAMESPACE }],
  } as ApiObject,
]
