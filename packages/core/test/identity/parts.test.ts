import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Host } from '../../src/http/host.ts'
import type { Part } from '../../src/identity/part.ts'
import { body, cookie, header, ip, route, user } from '../../src/identity/parts.ts'
import { subjectReader } from '../../src/identity/subject.ts'

interface Request {
  readonly address?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly route?: string
  readonly user?: string
}
const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  address: (request) => request.address,
  header: (request, name) => request.headers?.[name],
  route: (request) => request.route,
  body: (request) => request.body,
}
const bare: Host<Request> = { ...host, route: undefined, body: undefined } as never
const read = (part: Part<Request>, request: Request, from = host) => part.read(request, from)

it('parts are frozen, and have a name', () => {
  const noText = () => undefined
  for (const part of [ip(), ip(noText), header('a'), cookie('a'), body('a'), route(), user(noText)])
    expect(Object.isFrozen(part)).toBe(true)
  expect([ip(), header('X-Api-Key'), cookie('sid'), body('user.email'), route(), user(noText)].map((part) => part.name)).toEqual([
    'ip',
    'header:x-api-key',
    'cookie:sid',
    'body:user.email',
    'route',
    'user',
  ])
})

describe('ip', () => {
  it('is the same object each time, so that limits that share it read it once', () => {
    expect(ip()).toBe(ip())
  })
  it('reads the address of the request, and is marked as an address', () => {
    expect(read(ip(), { address: '2001:db8::/56' })).toBe('2001:db8::/56')
    expect(ip().address).toBe(true)
    expect(ip(() => '1.2.3.4').address).toBe(true)
  })
  it('throws for a request without an address, rather than treat it as missing', () => {
    expect(() => read(ip(), {})).toThrow(/ERR_ADDRESS_UNKNOWN/)
  })
  it('reads by a function, which gets the context only', async () => {
    const seen: unknown[][] = []
    const part = ip((...args: [Request]) => {
      seen.push(args)
      return '1.2.3.4'
    })
    const request = {}
    expect(read(part, request)).toBe('1.2.3.4')
    expect(seen).toEqual([[request]])
    expect(
      await read(
        ip(async () => '1.2.3.4'),
        request,
      ),
    ).toBe('1.2.3.4')
  })
  it.each([null, 'x-real-ip', 7, {}])('refuses ip(%j)', (value) => {
    expect(() => ip(value as never)).toThrow(/ip: expected a function.*got.*ERR_OPTION_INVALID/)
  })
})

describe('header', () => {
  it('reads by the lower-case name; an empty header is missing', () => {
    expect(read(header('X-Api-Key'), { headers: { 'x-api-key': 'k1' } })).toBe('k1')
    expect(read(header('x-api-key'), { headers: { 'x-api-key': '' } })).toBeUndefined()
    expect(read(header('x-api-key'), {})).toBeUndefined()
  })
  it.each(['authorization', 'Proxy-Authorization', 'x-api-key', 'X-Auth-Token', 'apikey'])('%s is a credential', (name) =>
    expect(header(name).credential).toBe(true),
  )
  it.each(['x-tenant', 'user-agent'])('%s is not a credential', (name) => expect(header(name).credential).toBe(false))
  it.each(['', ' ', 'x api', 'x:y', 'ключ', 'a\n', undefined, 7, {}])('refuses header(%j)', (name) => {
    expect(() => header(name as never)).toThrow(/header: expected a name such as 'x-api-key', got.*ERR_OPTION_INVALID/)
  })
})

describe('cookie', () => {
  it.each([
    ['sid=abc', 'abc'],
    ['a=1; sid=abc; b=2', 'abc'],
    ['sid=first; sid=second', 'first'],
    ['sid="quoted"', 'quoted'],
    ['sid=a=b==', 'a=b=='],
    ['  sid = abc ;x', 'abc'],
    ['flag; sid=abc', 'abc'],
    [';;; sid=abc;', 'abc'],
    ['sid=%20', '%20'],
    ['sid="', '"'],
  ])('of "%s" is %s', (text, expected) => {
    expect(read(cookie('sid'), { headers: { cookie: text } })).toBe(expected)
  })
  it.each(['', 'sid', 'sid=', 'sid=""', 'xsid=1', 'sidx=1', 'SID=1', 'a=sid=1', 'a="; b'])('is missing in "%s"', (text) => {
    expect(read(cookie('sid'), { headers: { cookie: text } })).toBeUndefined()
  })
  it('is missing without the header, and is a credential', () => {
    expect(read(cookie('sid'), {})).toBeUndefined()
    expect(cookie('sid').credential).toBe(true)
  })
  it('finds its value among any others, and never throws', () => {
    const octets = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '=', '"', ' ', '%', '\u00e9'), maxLength: 8 })
    fc.assert(
      fc.property(fc.array(octets.filter((text) => !text.trim().startsWith('sid'))), fc.uuid(), (others, id) => {
        expect(read(cookie('sid'), { headers: { cookie: [...others, `sid=${id}`, 'sid=no'].join('; ') } })).toBe(id)
      }),
    )
  })
  it.each(['', 'a=b', 'a;b', undefined])('refuses cookie(%j)', (name) =>
    expect(() => cookie(name as never)).toThrow(/cookie: expected a name such as 'session'.*ERR_OPTION_INVALID/),
  )
})

describe('body', () => {
  it.each([
    ['email', { email: 'a@b.c' }, 'a@b.c'],
    ['user.email', { user: { email: 'a@b.c' } }, 'a@b.c'],
    ['items.0', { items: ['x'] }, 'x'],
    ['id', { id: 42 }, '42'],
    ['id', { id: 0 }, '0'],
    ['on', { on: false }, 'false'],
    ['__proto__', JSON.parse('{"__proto__":"own"}'), 'own'],
  ])('%s of %j is %s', (field, given, expected) => {
    expect(read(body(field), { body: given })).toBe(expected)
  })
  it.each([
    ['email', undefined],
    ['email', null],
    ['email', 'email=a'],
    ['length', 'text'],
    ['email', {}],
    ['email', { email: '' }],
    ['email', { email: null }],
    ['email', { email: { length: 1 } }],
    ['email', { email: ['a'] }],
    ['id', { id: Number.NaN }],
    ['id', { id: Number.POSITIVE_INFINITY }],
    ['user.email', { user: 'x' }],
    ['constructor.name', {}],
    ['__proto__', {}],
    ['toString', {}],
    ['email', Object.create({ email: 'inherited' })],
  ])('%s of %j is missing', (field, given) => {
    expect(read(body(field), { body: given })).toBeUndefined()
  })
  it('waits for an asynchronous body, and is missing where bodies are not parsed', async () => {
    const later = read(body('email'), { body: Promise.resolve({ email: 'a@b.c' }) })
    expect(later).toBeInstanceOf(Promise)
    expect(await later).toBe('a@b.c')
    expect(read(body('email'), { body: { email: 'a' } }, bare)).toBeUndefined()
    expect(body('email').credential).toBeUndefined()
  })
  it.each(['', '.', 'a.', '.a', 'a..b', undefined, 7])('refuses body(%j)', (field) =>
    expect(() => body(field as never)).toThrow(/body: expected the path of a field.*ERR_OPTION_INVALID/),
  )
})

describe('newcomer 22: body with lower', () => {
  const subjectOf = (email: unknown) =>
    subjectReader(body('email', { lower: true }), { facts: host, missing: 'skip' })({ address: '1.2.3.4', body: { email } })
  it.each([
    ['bob@x.de', 'bob@x.de'],
    [' \tBob@X.DE\r\n', 'bob@x.de'],
    ['\uff22ob@x.de', 'bob@x.de'],
    ['e\u0301@x.de', '\u00e9@x.de'],
    ['\u00a0BOB@x.de\u3000', 'bob@x.de'],
    [42, '42'],
    ['B'.repeat(1_000), 'b'.repeat(1_000)],
    ['B'.repeat(1_001), 'B'.repeat(1_001)],
  ])('%j', (given, expected) => expect(subjectOf(given)).toBe(expected))
  it.each(['', '   ', '\u00a0', undefined, null, {}])('%j is missing', (given) =>
    expect(subjectOf(given)).toMatchObject({ action: 'skip' }),
  )
  it.each([{ lower: 'yes' }, { lowercase: true }, null, 7])('refuses the options %j', (options) =>
    expect(() => body('email', options as never)).toThrow(/ERR_OPTION_(INVALID|UNKNOWN)/),
  )
})

describe('route', () => {
  it('is the pattern where the framework knows it, else the same for all', () => {
    expect(read(route(), { route: '/users/:id' })).toBe('GET /users/:id')
    expect(read(route(), {})).toBe('GET *')
    expect(read(route(), {}, bare)).toBe('GET *')
  })
  it('F01: a client cannot invent a method', () => {
    const withMethod = (method: string) => read(route(), { route: '/a' }, { ...host, method: () => method })
    expect(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'get', 'PROPFIND', 'XA', 'XB'].map(withMethod)).toEqual([
      'GET /a',
      'GET /a',
      'POST /a',
      'PUT /a',
      'PATCH /a',
      'DELETE /a',
      'OPTIONS /a',
      '* /a',
      '* /a',
      '* /a',
      '* /a',
    ])
  })
})

describe('user', () => {
  it('reads by a function, which gets the context only, and is a credential', () => {
    expect(
      read(
        user((request: Request) => request.user),
        { user: 'ann' },
      ),
    ).toBe('ann')
    expect(user(() => undefined).credential).toBe(true)
  })
  it.each([undefined, null, 'id'])('refuses user(%j)', (value) =>
    expect(() => user(value as never)).toThrow(/user: expected a function.*ERR_OPTION_INVALID/),
  )
})
