import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Host } from '../../src/http/host.ts'
import type { KeyOf, Part } from '../../src/identity/part.ts'
import { body, cookie, header, ip, route, user } from '../../src/identity/parts.ts'
import { isMissing, joinSubject, type MissingRule, type SubjectOptions, subjectReader } from '../../src/identity/subject.ts'

interface Request {
  readonly address?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly user?: string
}
const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  address: (request) => request.address,
  header: (request, name) => request.headers?.[name],
  body: (request) => request.body,
}
const here: Request = { address: '1.2.3.4' }
const subject = (key: KeyOf<Request> | undefined, request: Request, options: Partial<SubjectOptions<Request>> = {}) =>
  subjectReader(key, { facts: host, ...options })(request)
const text = (name: string, value: string | undefined): Part<Request> => ({ name, read: () => value })

describe('a single value', () => {
  it('is the client’s address without a key', () => {
    expect(subject(undefined, here)).toBe('1.2.3.4')
    expect(subject(undefined, { address: '2001:db8::/56' })).toBe('2001:db8::/56')
    expect(subject(ip(), here)).toBe('1.2.3.4')
    expect(subject(ip(), { address: '2001:db8::/56' })).toBe('2001:db8::/56')
  })
  it.each([
    ['user:42', 'user:42'],
    ['a\\b', 'a\\b'],
    ['~x', '~~x'],
    ['~', '~~'],
    ['~~', '~~~'],
    ['a~', 'a~'],
    ['~ip:1.2.3.4', '~~ip:1.2.3.4'],
    [' ', ' '],
    ['\0*{}\n', '\0*{}\n'],
    ['\ud800', '\ud800'],
  ])('%j is the subject %j', (value, expected) => {
    expect(subject(() => value, here)).toBe(expected)
    expect(subject(text('t', value), here)).toBe(expected)
    expect(subject([text('t', value)], here)).toBe(expected)
    expect(joinSubject([value])).toBe(expected)
  })
  it('is canonical for a part that is an address', () => {
    const forwarded = ip((request: Request) => request.headers?.['fly-client-ip'])
    const at = (address: string) => subject(forwarded, { ...here, headers: { 'fly-client-ip': address } })
    expect(at('::ffff:9.9.9.9')).toBe('9.9.9.9')
    expect(at('2001:db8:0:1ff::1')).toBe('2001:db8:0:100::/56')
    expect(at('[2001:db8:0:1ff::1]:443')).toBe('2001:db8:0:100::/56')
    expect(at('nonsense')).toBe('~ip:1.2.3.4')
    expect(
      subject(
        ip(() => '2001:db8:0:1ff::1'),
        here,
        { ipv6Prefix: 64 },
      ),
    ).toBe('2001:db8:0:1ff::/64')
    // Only a part that says so is: a key that looks like an address is a key.
    expect(subject(() => '::ffff:9.9.9.9', here)).toBe('::ffff:9.9.9.9')
  })
})

describe('a missing value', () => {
  const rules: readonly [string, KeyOf<Request>, 400 | 401, string][] = [
    ['a key header', header('x-api-key'), 401, 'header:x-api-key'],
    ['a cookie', cookie('sid'), 401, 'cookie:sid'],
    ['a user', user(() => undefined), 401, 'user'],
    ['a plain header', header('x-tenant'), 400, 'header:x-tenant'],
    ['a field', body('email'), 400, 'body:email'],
    ['a function', () => undefined, 400, 'key'],
    ['a function that gives ""', () => '', 400, 'key'],
    ['a function that gives null', () => null as never, 400, 'key'],
    ['an address from elsewhere', ip(() => 'nonsense'), 400, 'ip'],
    ['the second of two', [route(), header('x-api-key')], 401, 'header:x-api-key'],
  ]
  it.each(rules)('%s: rejected with its status, skipped, or the address', (_, key, status, part) => {
    expect(subject(key, here, { missing: 'reject' })).toEqual({ action: 'reject', status, part })
    expect(subject(key, here, { missing: 'skip' })).toMatchObject({ action: 'skip' })
    expect(subject(key, here)).toBe(Array.isArray(key) ? 'GET *:~ip\\:1.2.3.4' : '~ip:1.2.3.4')
    expect(subject(key, here, { missing: 'address' })).toBe(subject(key, here))
  })
  it('is distinguished from a subject by isMissing()', () => {
    const missing = subject(header('a'), here, { missing: 'skip' })
    expect(!(missing instanceof Promise) && isMissing(missing)).toBe(true)
    expect(isMissing('')).toBe(false)
  })
  it('does not give all anonymous clients one subject', () => {
    expect(subject(header('x-api-key'), { address: '1.2.3.4' })).not.toBe(subject(header('x-api-key'), { address: '1.2.3.5' }))
  })
  it('does not share the subject of a key that looks like an address', () => {
    for (const forged of ['1.2.3.4', '~ip:1.2.3.4', 'ip:1.2.3.4', '~1.2.3.4']) {
      expect(subject(header('x-api-key'), { address: '6.6.6.6', headers: { 'x-api-key': forged } })).not.toBe(
        subject(header('x-api-key'), here),
      )
    }
  })
  it('stops at the first part that is rejected', () => {
    let reads = 0
    const later = { name: 'later', read: () => `${reads++}` }
    expect(subject([header('a'), later], here, { missing: 'reject' })).toMatchObject({ part: 'header:a' })
    expect(reads).toBe(0)
  })
})

describe('an unknown address', () => {
  it.each<[string, KeyOf<Request> | undefined, MissingRule]>([
    ['no key', undefined, 'address'],
    ['no key', undefined, 'skip'],
    ['ip()', ip(), 'address'],
    ['ip()', ip(), 'skip'],
    ['ip()', ip(), 'reject'],
    ['a missing value', header('x-api-key'), 'address'],
  ])('is an error that says what to do: %s, missing: %s', (_, key, missing) => {
    expect(() => subject(key, {}, { missing })).toThrow(
      /expected the client's address, got none; behind a proxy on a Unix socket, set trustProxy.*ip\(read\).*another key.*ERR_ADDRESS_UNKNOWN/,
    )
  })
  it('is no error for another key', () => {
    expect(subject(() => 'a', {})).toBe('a')
    expect(subject(header('x'), {}, { missing: 'skip' })).toMatchObject({ action: 'skip' })
  })
})

describe('several values', () => {
  it.each([
    [['a', 'b'], 'a:b'],
    [['a:b', 'c'], 'a\\:b:c'],
    [['a', 'b:c'], 'a:b\\:c'],
    [['a\\', 'b'], 'a\\\\:b'],
    [['~a', 'b'], '~~a:b'],
    [['a', '~b'], 'a:~~b'],
    [['a', undefined], 'a:~ip\\:1.2.3.4'],
    [[undefined, 'a'], '~ip\\:1.2.3.4:a'],
  ])('%j is %j', (values, expected) => {
    expect(
      subject(
        values.map((value) => text('t', value)),
        here,
      ),
    ).toBe(expected)
  })

  const nasty = fc.oneof(
    fc.string({ minLength: 1, unit: fc.constantFrom(':', '\\', '~', 'a', 'ip:', '1.2.3.4') }),
    fc.string({ minLength: 1, unit: 'binary' }),
    fc.constant(undefined),
  )
  it('give the same subject only if they are equal', () => {
    const lists = fc
      .integer({ min: 1, max: 4 })
      .chain((length) =>
        fc.tuple(fc.array(nasty, { minLength: length, maxLength: length }), fc.array(nasty, { minLength: length, maxLength: length })),
      )
    fc.assert(
      fc.property(lists, ([a, b]) => {
        const make = (values: readonly (string | undefined)[]) =>
          subject(
            values.map((value) => text('t', value)),
            here,
          )
        expect(make(a) === make(b)).toBe(a.every((value, i) => value === b[i]))
      }),
      { numRuns: 10_000 },
    )
  })
  it('can be parsed back, so that lists of different lengths give different subjects', () => {
    fc.assert(
      fc.property(
        fc.array(
          nasty.map((value) => value ?? 'x'),
          { minLength: 2, maxLength: 5 },
        ),
        (values) => {
          const pieces: string[] = ['']
          const joined = joinSubject(values)
          for (let i = 0; i < joined.length; i++) {
            const last = pieces.length - 1
            if (joined[i] === ':') pieces.push('')
            else pieces[last] += (joined[i] === '\\' ? joined[++i] : joined[i]) ?? ''
          }
          expect(pieces.map((piece) => (piece.startsWith('~~') ? piece.slice(1) : piece))).toEqual(values)
        },
      ),
      { numRuns: 5_000 },
    )
  })
  it('are joined as joinSubject() joins them', () => {
    fc.assert(
      fc.property(
        fc.array(
          nasty.map((value) => value ?? 'x'),
          { minLength: 1, maxLength: 4 },
        ),
        (values) => {
          expect(joinSubject(values)).toBe(
            subject(
              values.map((value) => text('t', value)),
              here,
            ),
          )
        },
      ),
    )
  })
})

describe('synchronous and asynchronous parts', () => {
  const later = (value: string | undefined): Part<Request> => ({ name: 'later', read: async () => value })
  it('give a subject at once when every part is synchronous', () => {
    for (const key of [undefined, ip(), () => 'a', [ip(), route(), body('x')]]) expect(subject(key, here)).toBeTypeOf('string')
  })
  it.each([
    [[later('a'), later('b:')], 'a:b\\:'],
    [[text('t', 'a'), later('b'), text('t', 'c')], 'a:b:c'],
    [[later(undefined), text('t', 'b')], '~ip\\:1.2.3.4:b'],
  ])('is taken when one is not', async (parts, expected) => {
    const read = subject(parts, here)
    expect(read).toBeInstanceOf(Promise)
    expect(await read).toBe(expected)
  })
  it('may give a value that is missing, invalid or an error', async () => {
    expect(await subject([later(undefined), text('t', 'a')], here, { missing: 'reject' })).toEqual({
      action: 'reject',
      status: 400,
      part: 'later',
    })
    expect(await subject(async () => undefined, here)).toBe('~ip:1.2.3.4')
    await expect(subject(async () => 7 as never, here)).rejects.toThrow(/ERR_SUBJECT_INVALID/)
    await expect(subject(async () => Promise.reject(new Error('mine')), here)).rejects.toThrow('mine')
    await expect(subject(async () => undefined, {})).rejects.toThrow(/ERR_ADDRESS_UNKNOWN/)
  })
  it('call each function once per request, with the context only', () => {
    const calls: unknown[][] = []
    const recording =
      (value: string | undefined) =>
      (...args: unknown[]) => {
        calls.push([value, ...args])
        return value
      }
    expect(subject(recording('a'), here)).toBe('a')
    expect(subject([user(recording('b')), ip(recording(undefined)), user(recording('c'))], here)).toBe('b:~ip\\:1.2.3.4:c')
    expect(calls).toEqual([
      ['a', here],
      ['b', here],
      [undefined, here],
      ['c', here],
    ])
  })
})

describe('options', () => {
  it.each([[[]], [null], [7], ['x-api-key'], [{}], [{ name: 'x' }], [{ read: () => 'x' }], [[ip(), null]], [[[ip()]]]])(
    'refuses the key %j',
    (key) => {
      expect(() => subjectReader(key as never, { facts: host })).toThrow(/key(\[\d\])?: expected .*part.*got.*ERR_OPTION_INVALID/)
    },
  )
  it.each(['Address', '', null, true])('refuses missing: %j', (missing) => {
    expect(() => subjectReader(undefined, { facts: host, missing: missing as never })).toThrow(
      /missing: expected 'address', 'reject' or 'skip', got.*ERR_OPTION_INVALID/,
    )
  })
  it('refuses an ipv6Prefix out of range', () =>
    expect(() => subjectReader(undefined, { facts: host, ipv6Prefix: 128 })).toThrow(/ipv6Prefix.*ERR_OPTION_INVALID/))
  it('are copied, so that a later change of the list has no effect', () => {
    const parts = [text('t', 'a'), text('t', 'b')]
    const read = subjectReader<Request>(parts, { facts: host })
    parts[0] = text('t', 'changed')
    expect(read(here)).toBe('a:b')
  })
})

it.each([42, true, {}, ['a'], Symbol('s'), 1n, () => 'a'])('a value that is not a string is refused: %s', (value) => {
  expect(() => subject(() => value as never, here)).toThrow(
    /key: expected a string or undefined, so String\(id\) for a number, got .*ERR_SUBJECT_INVALID/,
  )
  expect(() =>
    subject(
      user(() => value as never),
      here,
    ),
  ).toThrow(/user: expected a string or undefined/)
  expect(() =>
    subject(
      ip(() => value as never),
      here,
    ),
  ).toThrow(/ip: expected a string or undefined/)
})
