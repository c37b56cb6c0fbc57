import type { MethodDefinition } from '@grpc/proto-loader'
import { fixedWindow, type Outcome } from '@sluice/core'
import type { JointAnswer } from '@sluice/policies'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { metadataOf, writeAnswer } from '../../src/grpc/ratelimit/answer.ts'
import { readRequest } from '../../src/grpc/ratelimit/request.ts'
import { STATUS, StatusError } from '../../src/grpc/transport/status.ts'
import { Reader } from '../../src/grpc/wire/reader.ts'
import { Writer } from '../../src/grpc/wire/writer.ts'
import { envoyProto, ownProto } from './protos.ts'

const FILE = 'envoy/service/ratelimit/v3/rls.proto'
const RUNS = { numRuns: 300 }

function methodOf(definition: ReturnType<typeof ownProto>): MethodDefinition<object, object> {
  const service = definition['envoy.service.ratelimit.v3.RateLimitService'] as unknown as Record<string, MethodDefinition<object, object>>
  return service['ShouldRateLimit'] as MethodDefinition<object, object>
}

const PEERS = [
  ['ours', methodOf(ownProto(FILE))],
  ['that of Envoy', methodOf(envoyProto(FILE))],
] as const

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).filter((text) => text !== '__proto__')
const entries = fc.uniqueArray(fc.record({ key: name, value: fc.string({ unit: 'grapheme', maxLength: 200 }) }), {
  selector: ({ key }) => key,
  maxLength: 4,
})

describe.each(PEERS)('messages by protobufjs, with the proto file: %s', (_which, method) => {
  test('requests are read as they were written', () => {
    const uint32 = fc.integer({ min: 0, max: 0xff_ff_ff_ff })
    const descriptor = fc.record({
      entries,
      limit: fc.option(fc.record({ requests_per_unit: uint32, unit: fc.integer({ min: 1, max: 6 }) })),
    })
    const request = fc.record({ domain: fc.string(), descriptors: fc.array(descriptor, { maxLength: 5 }), hits_addend: uint32 })
    const windows = [0, 1, 60, 3_600, 86_400, 2_592_000, 31_536_000]
    fc.assert(
      fc.property(request, (sent) => {
        const read = readRequest(method.requestSerialize(sent))
        expect(read.domain).toBe(sent.domain)
        expect(read.descriptors).toEqual(
          sent.descriptors.map(({ entries: pairs, limit }) => ({
            context: {
              attributes: Object.fromEntries(pairs.map(({ key, value }) => [key, value])),
              keys: pairs.map(({ key }) => key).join(','),
            },
            units: sent.hits_addend || 1,
            how: 'charge',
            own: limit === null ? undefined : { limit: limit.requests_per_unit, window: (windows[limit.unit] as number) * 1_000 },
          })),
        )
      }),
      RUNS,
    )
  })

  test('answers are written as they are read', () => {
    const outcome = fc.record({
      allowed: fc.boolean(),
      remaining: fc.integer({ min: 0, max: 2 ** 40 }),
      retryAfter: fc.integer({ min: 0, max: 2 ** 40 }),
      resetAfter: fc.integer({ min: 0, max: 2 ** 40 }),
    })
    const limits = ['1s', '1m', '1h', '1d', '30d', '365d', '7d', '10s'].map(
      (window) => fixedWindow({ name: 'some', label: `label ${window}`, limit: 100, window: window as '1s' }).limit,
    )
    const units = ['SECOND', 'MINUTE', 'HOUR', 'DAY', 'MONTH', 'YEAR', 'UNKNOWN', 'UNKNOWN']
    const part = fc.record({ allowed: fc.boolean(), limit: fc.integer({ min: -1, max: limits.length - 1 }), outcome })
    const header = fc.tuple(fc.string({ maxLength: 300 }), fc.string({ unit: 'grapheme', maxLength: 300 }))
    const answer = fc.record({
      allowed: fc.boolean(),
      parts: fc.array(part, { maxLength: 8 }),
      headers: fc.array(header, { maxLength: 5 }),
      body: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }), { nil: undefined }),
    })
    fc.assert(
      fc.property(answer, name, fc.integer({ min: 0, max: 2 ** 50 }), ({ allowed, parts, ...forClient }, namespace, revision) => {
        const made = {
          allowed,
          parts: parts.map((each) => ({ ...each, missing: undefined, limit: limits[each.limit], outcome: each.outcome as Outcome })),
        }
        const frame = writeAnswer(made as unknown as JointAnswer, forClient, metadataOf(namespace, revision))
        expect(frame[0]).toBe(0)
        expect(frame.readUInt32BE(1)).toBe(frame.length - 5)
        const read = method.responseDeserialize(frame.subarray(5))
        expect(read).toMatchObject({
          overall_code: allowed ? 'OK' : 'OVER_LIMIT',
          response_headers_to_add: forClient.headers.map(([key, value]) => ({ key, value })),
          raw_body: Buffer.from(forClient.body ?? ''),
          dynamic_metadata: {
            fields: {
              namespace: { kind: 'stringValue', stringValue: namespace },
              revision: { kind: 'numberValue', numberValue: revision },
            },
          },
          statuses: parts.map(({ allowed: isAllowed, limit, outcome: { allowed: was, remaining, retryAfter, resetAfter } }) => ({
            code: isAllowed ? 'OK' : 'OVER_LIMIT',
            ...(limit < 0
              ? { current_limit: null, limit_remaining: 0, duration_until_reset: null }
              : {
                  current_limit: { requests_per_unit: 100, unit: units[limit], name: limits[limit]?.label },
                  limit_remaining: Math.min(remaining, 0xff_ff_ff_ff),
                  duration_until_reset: { seconds: Math.ceil((was ? resetAfter : retryAfter) / 1_000) },
                }),
          })),
        })
      }),
      RUNS,
    )
  })
})

test('hits of a descriptor: left out, none, some, given back', () => {
  const [, method] = PEERS[0]
  const big = 2 ** 40
  const descriptors = [{}, { hits_addend: {} }, { hits_addend: { value: 7 } }, { hits_addend: { value: big }, is_negative_hits: true }]
  const read = readRequest(method.requestSerialize({ domain: 'd', hits_addend: 3, descriptors }))
  expect(read.descriptors.map(({ units, how }) => [units, how])).toEqual([
    [3, 'charge'],
    [1, 'peek'],
    [7, 'charge'],
    [big, 'credit'],
  ])
})

test('any bytes are a request or a status, and parts of a request are never read beyond their end', () => {
  const outcomeOf = (bytes: Uint8Array): unknown => {
    try {
      return readRequest(Buffer.from(bytes))
    } catch (error) {
      if (error instanceof StatusError && error.status === STATUS.INTERNAL) return undefined
      throw error
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void outcomeOf(bytes)),
    { numRuns: 5_000 },
  )
  const [, method] = PEERS[0]
  const whole = method.requestSerialize({
    domain: 'shop',
    descriptors: [{ entries: [{ key: 'user', value: 'ada' }], hits_addend: { value: 300 } }],
  })
  for (let length = 0; length <= whole.length; length++) outcomeOf(whole.subarray(0, length))
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const changed = Buffer.from(whole)
      changed[at] = byte
      outcomeOf(changed)
    }),
    { numRuns: 2_000 },
  )
})

test('fields that nobody knows are skipped, groups among them', () => {
  // Field 9: a group with a varint, a fixed64, a text and a group. Field 1: the domain.
  const bytes = Buffer.from([
    0x4b, 0x08, 0x96, 0x01, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0x1a, 1, 0x41, 0x23, 0x24, 0x4c, 0x55, 1, 2, 3, 4, 0x0a, 1, 0x78,
  ])
  expect(readRequest(bytes).domain).toBe('x')
})

test('numbers of all sizes are written and read again', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.double({ noNaN: true }), (number, double) => {
      const writer = new Writer()
      writer.uint(0x08, number)
      writer.double(0x11, double)
      const reader = new Reader(writer.message())
      const read: Record<number, number> = {}
      for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
        if (tag === 0x08) read[tag] = reader.uint64()
        else {
          read[tag] = 1
          reader.skip(tag)
        }
      }
      expect(read).toEqual({ ...(number !== 0 && { 0x08: number }), 0x11: 1 })
    }),
    RUNS,
  )
})
