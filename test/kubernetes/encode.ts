// SPDX-License-Identifier: Apache-2.0
/**
 * What an API server writes, in both encodings. The protobuf one is written here field by field from the numbers of Kubernetes'
 * generated.proto, with more fields than the agent reads: nothing of this is the agent's, so that a wrong number there shows.
 */
import type { Fields } from './objects.ts'

/** What a field is; '{}': a map of texts. */
type Kind = 'text' | 'int' | 'flag' | 'time' | 'port' | 'bytes' | '{}' | Message
interface Field {
  readonly number: number
  readonly kind: Kind
  readonly repeated?: true
  /** Go writes what is no pointer also when it is empty. */
  readonly always?: true
}
interface Message {
  readonly [name: string]: Field
}

const text = (number: number): Field => ({ number, kind: 'text' })
const always = (number: number): Field => ({ number, kind: 'text', always: true })
const int = (number: number): Field => ({ number, kind: 'int' })
const flag = (number: number): Field => ({ number, kind: 'flag' })
const texts = (number: number): Field => ({ number, kind: 'text', repeated: true })
const one = (number: number, kind: Kind): Field => ({ number, kind })
const many = (number: number, kind: Kind): Field => ({ number, kind, repeated: true })

const REFERENCE: Message = { kind: text(1), namespace: text(2), name: text(3), uid: text(4) }
const OWNER: Message = { kind: text(1), name: text(3), uid: text(4), apiVersion: text(5), controller: flag(6) }

const METADATA: Message = {
  ...{ name: always(1), generateName: always(2), namespace: always(3), selfLink: always(4), uid: always(5) },
  ...{ resourceVersion: always(6), generation: int(7), creationTimestamp: one(8, 'time') },
  ...{ deletionTimestamp: one(9, 'time'), labels: one(11, '{}'), annotations: one(12, '{}') },
  ...{ ownerReferences: many(13, OWNER), finalizers: texts(14) },
}

const SERVICE_PORT: Message = {
  ...{ name: always(1), protocol: always(2), port: int(3), targetPort: one(4, 'port'), nodePort: int(5) },
  appProtocol: text(6),
}

const SERVICE_SPEC: Message = {
  ...{
    ports: many(1, SERVICE_PORT),
    selector: one(2, '{}'),
    clusterIP: always(3),
    type: always(4),
    externalIPs: texts(5),
  },
  ...{
    sessionAffinity: always(7),
    loadBalancerIP: always(8),
    loadBalancerSourceRanges: texts(9),
    externalName: always(10),
  },
  ...{ externalTrafficPolicy: always(11), healthCheckNodePort: int(12), publishNotReadyAddresses: flag(13) },
  ...{ sessionAffinityConfig: one(14, { clientIP: one(1, { timeoutSeconds: int(1) }) }), ipFamilyPolicy: text(17) },
  ...{ clusterIPs: texts(18), ipFamilies: texts(19), allocateLoadBalancerNodePorts: flag(20) },
  ...{ loadBalancerClass: text(21), internalTrafficPolicy: text(22), trafficDistribution: text(23) },
}

const INGRESS: Message = { ip: always(1), hostname: always(2), ipMode: text(3) }
const CONDITION: Message = { type: text(1), status: text(2), reason: text(5), message: text(6) }

const SERVICE: Message = {
  metadata: one(1, METADATA),
  spec: one(2, SERVICE_SPEC),
  status: one(3, { loadBalancer: one(1, { ingress: many(1, INGRESS) }), conditions: many(2, CONDITION) }),
}

const HINT: Message = { name: text(1) }

const ENDPOINT: Message = {
  ...{ addresses: texts(1), conditions: one(2, { ready: flag(1), serving: flag(2), terminating: flag(3) }) },
  ...{ hostname: text(3), targetRef: one(4, REFERENCE), nodeName: text(6), zone: text(7) },
  hints: one(8, { forZones: many(1, HINT), forNodes: many(2, HINT) }),
}

const SLICE: Message = {
  metadata: one(1, METADATA),
  endpoints: many(2, ENDPOINT),
  ports: many(3, { name: text(1), protocol: text(2), port: int(3), appProtocol: text(4) }),
  addressType: text(4),
}

const NODE: Message = {
  metadata: one(1, METADATA),
  spec: one(2, {
    ...{ podCIDR: text(1), providerID: text(3), unschedulable: flag(4) },
    ...{ taints: many(5, { key: text(1), value: text(2), effect: text(3) }), podCIDRs: texts(7) },
  }),
  status: one(3, { phase: text(3), addresses: many(5, { type: text(1), address: text(2) }) }),
}

const CAUSE: Message = { reason: text(1), message: text(2), field: text(3) }

const STATUS: Message = {
  ...{ status: text(2), message: text(3), reason: text(4), code: int(6) },
  details: one(5, { name: text(1), causes: many(4, CAUSE), retryAfterSeconds: int(5) }),
}

const LIST_METADATA: Message = { resourceVersion: text(2), continue: text(3), remainingItemCount: int(4) }
const LIST: Message = { metadata: one(1, LIST_METADATA) }

const MESSAGES: Readonly<Record<string, Message>> = {
  ...{ Service: SERVICE, EndpointSlice: SLICE, Node: NODE, Status: STATUS },
}

const ENVELOPE: Message = { typeMeta: one(1, { apiVersion: text(1), kind: text(2) }), raw: one(2, 'bytes') }
const EVENT: Message = { type: text(1), object: one(2, { raw: one(1, 'bytes') }) }

/** Written once: lists of many thousand objects are asked for again. */
const written = new WeakMap<object, Buffer>()

function objectBytes(object: Fields): Buffer {
  const known = written.get(object)
  if (known !== undefined) return known
  const message = MESSAGES[String(object.kind)]
  if (message === undefined) throw new Error(`this server has no protobuf of ${object.kind}`)
  const bytes = messageBytes(message, object)
  written.set(object, bytes)
  return bytes
}

/** An object, with its kind, in its envelope, behind the magic number. The items of a list have their kinds, too. */
export function toProtobuf(object: object): Buffer {
  const { kind, apiVersion, items, ...fields } = object as Fields
  const raw = Array.isArray(items)
    ? Buffer.concat([messageBytes(LIST, fields), ...items.map(item => delimited(2, objectBytes(item)))])
    : objectBytes(object as Fields)
  return Buffer.concat([Buffer.from('k8s\0'), messageBytes(ENVELOPE, { typeMeta: { apiVersion, kind }, raw })])
}

/** A frame of a watch. */
function toProtobufEvent(type: string, object: object): Buffer {
  const bytes = messageBytes(EVENT, { type, object: { raw: toProtobuf(object) } })
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** Filled from its end, as lengths stand before what they measure. */
const scratch = Buffer.alloc(2 * 1024 * 1024)
let at = scratch.length

function messageBytes(message: Message, fields: Fields): Buffer {
  at = scratch.length
  writeMessage(message, fields)
  return Buffer.from(scratch.subarray(at))
}

function writeMessage(message: Message, fields: Fields): void {
  for (const [name, { number, kind, repeated, always }] of Object.entries(message)) {
    const value = fields[name] ?? (always && '')
    if (value == null) continue
    if (kind === '{}') for (const [key, text] of Object.entries(value)) writeField(number, ENTRY, { key, text })
    else if (repeated) for (const one of (value as unknown[]).toReversed()) writeField(number, kind, one)
    else writeField(number, kind, value)
  }
}

const ENTRY: Message = { key: text(1), text: text(2) }
const TIME: Message = { seconds: int(1) }
const PORT: Message = { type: int(1), intVal: int(2), strVal: text(3) }

function writeField(number: number, kind: Kind, value: unknown): void {
  if (kind === 'int' || kind === 'flag') {
    writeVarint(Number(value))
    writeVarint(number << 3)
    return
  }
  const end = at
  if (kind === 'bytes') writeBytes(value as Buffer)
  else if (kind === 'text') writeBytes(Buffer.from(String(value)))
  else if (kind === 'time') writeMessage(TIME, { seconds: Date.parse(String(value)) / 1_000 })
  else if (kind === 'port') writeMessage(PORT, portOf(value))
  else writeMessage(kind as Message, value as Fields)
  writeVarint(end - at)
  writeVarint((number << 3) | 2)
}

function writeBytes(bytes: Buffer): void {
  at -= bytes.length
  bytes.copy(scratch, at)
}

/** Go writes all three, too. */
function portOf(value: unknown): Fields {
  return typeof value === 'number' ? { type: 0, intVal: value, strVal: '' } : { type: 1, intVal: 0, strVal: value }
}

function writeVarint(value: number): void {
  if (value >= 0 && value < 128) scratch[--at] = value
  else writeBytes(varint(value))
}

function delimited(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes])
}

/** Two's complement of 64 bits, seven bits a byte. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Buffer.from([...bytes, Number(rest)])
}

export type EncodingName = 'json' | 'protobuf'

const TYPES: Readonly<Record<EncodingName, string>> = {
  json: 'application/json',
  protobuf: 'application/vnd.kubernetes.protobuf',
}

export function contentType(encoding: EncodingName, isWatch: boolean): string {
  return TYPES[encoding] + (isWatch && encoding === 'protobuf' ? ';stream=watch' : '')
}

/** What a client that accepts this gets from a server that has these; undefined: 406. */
export function negotiate(accept: string, has: readonly EncodingName[]): EncodingName | undefined {
  const wanted = accept.split(',').map(type => type.split(';', 1)[0]!.trim())
  const found = wanted.map(type => has.find(name => TYPES[name] === type || type === '*/*'))
  return found.find(name => name !== undefined)
}

export function encode(encoding: EncodingName, object: object): Buffer {
  return encoding === 'protobuf' ? toProtobuf(object) : Buffer.from(JSON.stringify(withoutKinds(object)))
}

/** In JSON the items of a list have no kind (and so no apiVersion). */
function withoutKinds(object: object): object {
  const { items } = object as Fields
  if (!Array.isArray(items)) return object
  return { ...object, items: items.map(item => ({ ...item, kind: undefined, apiVersion: undefined })) }
}

export function encodeEvent(encoding: EncodingName, type: string, object: object): Buffer {
  return encoding === 'protobuf' ? toProtobufEvent(type, object) : Buffer.from(`${JSON.stringify({ type, object })}\n`)
}
