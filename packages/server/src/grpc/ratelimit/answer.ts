import type { Limit, Outcome } from '@sluice/core'
import type { HeaderLine } from '@sluice/core/adapter-kit'
import type { JointAnswer, JointPart } from '@sluice/policies'
import { Writer } from '../wire/writer.ts'
import { unitFor } from './units.ts'

const OK = 1
const OVER_LIMIT = 2
const MAX_UINT32 = 0xff_ff_ff_ff

const writer = new Writer()
const limits = new WeakMap<Limit, Buffer>()

/** What Envoy passes on to its client. */
export interface ForClient {
  readonly headers: readonly HeaderLine[]
  /** Of a refusal. */
  readonly body?: string | undefined
}

/** The message `RateLimitResponse`, with its prefix. @param metadata as `metadataOf` writes it */
export function writeAnswer({ allowed, parts }: JointAnswer, { headers, body }: ForClient, metadata: Buffer): Buffer {
  writer.begin()
  writer.uint(0x08, allowed ? OK : OVER_LIMIT)
  for (let i = 0; i < parts.length; i++) writeStatus(parts[i] as JointPart)
  for (let i = 0; i < headers.length; i++) {
    const [name, value] = headers[i] as HeaderLine
    const start = writer.enter(0x1a)
    writer.text(0x0a, name)
    writer.text(0x12, value)
    writer.leave(start)
  }
  if (body !== undefined) writer.text(0x2a, body)
  writer.raw(metadata)
  return writer.frame()
}

function writeStatus({ allowed, limit, outcome }: JointPart): void {
  const start = writer.enter(0x12)
  writer.uint(0x08, allowed ? OK : OVER_LIMIT)
  // What decides while the store is away knows no numbers.
  if (limit !== undefined && outcome !== undefined && outcome.source !== 'open' && outcome.source !== 'closed') {
    writer.raw(limits.get(limit) ?? limitBytes(limit))
    writer.uint(0x18, Math.min(Math.floor(outcome.remaining), MAX_UINT32))
    const seconds = Math.ceil(waitOf(outcome) / 1000)
    if (Number.isFinite(seconds)) {
      const duration = writer.enter(0x22)
      writer.uint(0x08, seconds)
      writer.leave(duration)
    }
  }
  writer.leave(start)
}

/** ms until a request would be admitted; where it is, until the limit is full again. */
function waitOf({ allowed, retryAfter, resetAfter }: Outcome): number {
  return allowed ? resetAfter : retryAfter
}

/** The field `current_limit`: the same for all answers about this limit. */
function limitBytes(limit: Limit): Buffer {
  const own = new Writer()
  const start = own.enter(0x12)
  own.uint(0x08, Math.min(limit.limit, MAX_UINT32))
  own.uint(0x10, unitFor(limit))
  own.text(0x1a, limit.label ?? limit.name)
  own.leave(start)
  const bytes = own.message()
  limits.set(limit, bytes)
  return bytes
}

/** The field `dynamic_metadata`, a `google.protobuf.Struct`: which document decided. */
export function metadataOf(namespace: string, revision: number): Buffer {
  const own = new Writer()
  const field = own.enter(0x32)
  const value = (key: string, write: () => void): void => {
    const entry = own.enter(0x0a)
    own.text(0x0a, key)
    const inner = own.enter(0x12)
    write()
    own.leave(inner)
    own.leave(entry)
  }
  value('namespace', () => own.text(0x1a, namespace))
  value('revision', () => own.double(0x11, revision))
  own.leave(field)
  return own.message()
}
