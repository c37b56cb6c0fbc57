import { type CountRecord, decodeMessage, encodeMessages, type RegionRecord } from '@sluice/regions/store-kit'
import { expect, test } from 'vitest'

const AT = 1_767_225_600_000
const entry = { text: 'minute.slidingWindow.60000', reset: 0, start: AT, units: 7, before: -2, N: 100, P: 60_000, burst: 0 }
const count = (subject: string): CountRecord => ({ kind: 'count', policy: 'api', subject, version: AT * 1000, entries: [entry] })
const bodyOf = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))

test('records of every kind are read as they were written', () => {
  const shared = { policy: 'api', subject: 'ü\n"', text: entry.text, version: 3, window: AT * 1000 }
  const records: readonly RegionRecord[] = [
    count('user:1'),
    { kind: 'need', ...shared, want: 5, got: { us: 2 }, N: 10, P: 60_000 },
    { kind: 'offer', ...shared, to: 'eu', total: 9, free: 0, N: 10, P: 60_000 },
    { kind: 'beat', versions: [1, 1], shares: [{ version: 2, from: AT, of: { eu: 0.5, us: 0.5 } }], heard: { us: [1, 2] } },
    { kind: 'resend' },
  ]
  const [body, ...more] = encodeMessages({ from: 'eu', at: AT, records })
  expect(more).toEqual([])
  expect(decodeMessage(body as Uint8Array)).toEqual({ from: 'eu', at: AT, records })
})

test('a message has at most 500 records and 64 kB', () => {
  const many = encodeMessages({ from: 'eu', at: AT, records: Array.from({ length: 1_001 }, (_, i) => count(`${i}`)) })
  expect(many.map((body) => decodeMessage(body)?.records.length)).toEqual([500, 500, 1])
  const long = encodeMessages({ from: 'eu', at: AT, records: Array.from({ length: 100 }, (_, i) => count(`${i}${'é'.repeat(900)}`)) })
  expect(long.length).toBeGreaterThan(1)
  for (const body of [...many, ...long]) expect(body.length).toBeLessThan(65_536)
  expect(long.flatMap((body) => decodeMessage(body)?.records ?? [])).toHaveLength(100)
})

test('a message of another version or form is not read', () => {
  for (const value of [
    '',
    'no JSON',
    '[]',
    'null',
    { v: 2, from: 'eu', at: AT, r: [] },
    { v: 1, at: AT, r: [] },
    { v: 1, from: 'eu', at: AT },
  ]) {
    expect(decodeMessage(bodyOf(value)), JSON.stringify(value)).toBeUndefined()
  }
})

test('unknown kinds, further items and records of another form are left out', () => {
  const good = ['count', 'api', 'user:1', 1, [entry.text, 0, AT, 7, -2, 100, 60_000, 0, 'later item'], 'later entry']
  const bad = [
    ['later'],
    'count',
    ['count', 'api', 1, 1],
    ['need', 'api'],
    ['offer', 'api'],
    ['beat', [1]],
    ['count', 'api', 'user:2', 0.5],
  ]
  const message = decodeMessage(bodyOf({ v: 1, from: 'eu', at: AT, r: [...bad, good], later: true }))
  expect(message?.records).toEqual([{ ...count('user:1'), version: 1 }])
})

test('a beat without what it has heard, and a message of an earlier version for readers of that', () => {
  const [body] = encodeMessages({ from: 'eu', at: AT, records: [{ kind: 'resend' }] }, 7)
  expect(JSON.parse(new TextDecoder().decode(body))).toMatchObject({ v: 7 })
  const message = decodeMessage(bodyOf({ v: 1, from: 'eu', at: AT, r: [['beat', [1, 1], []]] }))
  expect(message?.records).toEqual([{ kind: 'beat', versions: [1, 1], shares: [], heard: {} }])
})
