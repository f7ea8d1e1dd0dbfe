// SPDX-License-Identifier: Apache-2.0
/** The schemas as JSON Schema, for editors and other checkers. */
import { z } from 'zod'
import { KUBE_PROXY_KIND, kubeProxySchema } from './kube-proxy-schema.ts'
import { fields, KIND } from './schema.ts'

export const SCHEMAS = { [KIND]: fields, [KUBE_PROXY_KIND]: kubeProxySchema } as const
export type SchemaKind = keyof typeof SCHEMAS

/** Of a file as it is written: nothing is required. Draft 2020-12. */
export function jsonSchema(kind: SchemaKind): object {
  const { $schema, ...rest } = z.toJSONSchema(SCHEMAS[kind], { io: 'input' })
  return { $schema, title: kind, ...rest }
}
