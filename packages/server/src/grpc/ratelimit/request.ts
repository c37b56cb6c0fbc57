import type { JointRequest } from '@sluice/policies'
import { Reader } from '../wire/reader.ts'
import { unitOf } from './units.ts'

/** The entries of a descriptor: the attributes of the request that it describes. */
export interface Descriptor {
  readonly attributes: Readonly<Record<string, string>>
  /** The keys of the entries in their order, separated by commas. */
  readonly keys: string
}

/** A call of ShouldRateLimit. */
export interface RateLimitRequest {
  domain: string
  readonly descriptors: JointRequest<Descriptor>[]
}

type Draft<T> = { -readonly [K in keyof T]: T[K] }

/** Units of a descriptor that leaves them to the request. */
const UNSET = -1

/** The message `RateLimitRequest` of `envoy.service.ratelimit.v3`. @throws StatusError */
export function readRequest(message: Buffer): RateLimitRequest {
  const reader = new Reader(message)
  const descriptors: Draft<JointRequest<Descriptor>>[] = []
  const request: RateLimitRequest = { domain: '', descriptors }
  let hits = 0
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) request.domain = reader.text()
    else if (tag === 0x12) descriptors.push(readDescriptor(reader))
    else if (tag === 0x18) hits = reader.uint32()
    else reader.skip(tag)
  }
  for (let i = 0; i < descriptors.length; i++) {
    const descriptor = descriptors[i] as Draft<JointRequest<Descriptor>>
    if (descriptor.units === UNSET) descriptor.units = hits === 0 ? 1 : hits
  }
  return request
}

function readDescriptor(reader: Reader): Draft<JointRequest<Descriptor>> {
  const outer = reader.enter()
  const attributes: Record<string, string> = {}
  let keys: string | undefined
  let units = UNSET
  let isBack = false
  let own: JointRequest<Descriptor>['own']
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) {
      const key = readEntry(reader, attributes)
      keys = keys === undefined ? key : `${keys},${key}`
    } else if (tag === 0x12) own = readLimit(reader)
    else if (tag === 0x1a) units = readWrapped(reader)
    else if (tag === 0x20) isBack = reader.uint32() !== 0
    else reader.skip(tag)
  }
  reader.leave(outer)
  const context = { attributes, keys: keys ?? '' }
  // A descriptor of no hits asks whether there is room for one.
  if (units === 0) return { context, units: 1, how: 'peek', own }
  return { context, units, how: isBack ? 'credit' : 'charge', own }
}

/** Returns the key. */
function readEntry(reader: Reader, attributes: Record<string, string>): string {
  const outer = reader.enter()
  let key = ''
  let value = ''
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) key = reader.text()
    else if (tag === 0x12) value = reader.text()
    else reader.skip(tag)
  }
  reader.leave(outer)
  attributes[key] = value
  return key
}

/** A wrapper such as `google.protobuf.UInt64Value`. Present and empty, it means 0. */
function readWrapped(reader: Reader): number {
  const outer = reader.enter()
  let value = 0
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) value = Math.min(reader.uint64(), Number.MAX_SAFE_INTEGER)
    else reader.skip(tag)
  }
  reader.leave(outer)
  return value
}

/** The limit that a descriptor asks for itself. `undefined` for a unit that is not known. */
function readLimit(reader: Reader): JointRequest<Descriptor>['own'] {
  const outer = reader.enter()
  let limit = 0
  let unit = 0
  let multiplier = 1
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) limit = reader.uint32()
    else if (tag === 0x10) unit = reader.uint32()
    else if (tag === 0x1a) multiplier = readWrapped(reader) || 1
    else reader.skip(tag)
  }
  reader.leave(outer)
  const window = unitOf(unit)
  return window === undefined ? undefined : { limit, window: window * multiplier }
}
