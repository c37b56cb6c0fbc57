import { amendLimit, body, createLimiter, fixedWindow, header, ip, type KeyOf, type Limiter, type LimitRule } from '@sluice/core'
import { memoryStore, route, slidingWindow, user } from '@sluice/core'
import { createPipeline, type Host, innerLimiter } from '@sluice/core/adapter-kit'
import { describe, expect, it } from 'vitest'
import { loose, refusal } from './refusal.ts'

/** As the request of a framework, it has a class. */
class Request {
  readonly headers: Readonly<Record<string, string>>
  readonly address: string
  constructor(address: string, headers: Readonly<Record<string, string>> = {}) {
    this.address = address
    this.headers = headers
  }
}
const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  address: (request) => request.address,
  header: (request, name) => request.headers[name],
}
const on = { warning: () => undefined }
const hour = (name: string, key?: KeyOf<Request>) => fixedWindow({ name, limit: 10, window: '1h', key })
const subjectsOf = async (limiter: Limiter, subject: unknown) =>
  (await limiter.peek(subject as never)).charges.map((charge) => charge.subject)

describe('newcomer 10: limits with keys, for a script', () => {
  it.each([
    ['an address in any notation', { limits: [hour('h', ip())] }, '::ffff:192.0.2.1', '192.0.2.1'],
    ['an IPv6 address', { limits: [hour('h', ip())] }, '2001:DB8:0:1ab::', '2001:db8:0:100::/56'],
    ['an IPv6 address with a prefix', { limits: [hour('h')], key: ip(), ipv6Prefix: 48 }, '2001:db8:0:1ab::', '2001:db8::/48'],
    ['the address that replaces a key', { limits: [hour('h', header('x-a'))] }, '~ip:::ffff:192.0.2.1', '~ip:192.0.2.1'],
    ['a list of one value', { limits: [hour('h', header('x-a'))] }, ['~a'], '~~a'],
    ['lower', { limits: [hour('h', body('email', { lower: true }))] }, ' Bob@X.de', 'bob@x.de'],
    [
      'a user',
      {
        limits: [
          hour(
            'h',
            user(() => ''),
          ),
        ],
      },
      'user:42',
      'user:42',
    ],
    ['a function', { limits: [hour('h', () => '')] }, 'a\\b:c', 'a\\b:c'],
    ['a list', { limits: [hour('h')], key: [header('x-a'), ip(), route()] }, ['a:b', '::ffff:1.2.3.4', 'GET /'], 'a\\:b:1.2.3.4:GET /'],
    ['without a key, the text as it is', { limits: [hour('h')] }, '::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ] as const)('%s', async (_, options, given, expected) => {
    const limiter: Limiter = createLimiter<readonly LimitRule<string, any>[]>(options)
    expect(await subjectsOf(limiter, given)).toEqual([expected])
    expect(await subjectsOf(limiter, { h: given })).toEqual([expected])
    await limiter.consume(given, { cost: 3 })
    expect(await limiter.penalize(given)).toMatchObject({ remaining: 6 })
    expect(await limiter.wait(given)).toMatchObject({ remaining: 5 })
    expect(await limiter.reset(given)).toBe(true)
    expect(await limiter.reset(given)).toBe(false)
    await limiter.block(given, '1h')
    expect(await limiter.peek(given)).toMatchObject({ verdict: 'blocked' })
    expect(await limiter.unblock(given)).toBe(true)
    await limiter.consume(given)
    await limiter.resetAll()
    expect(await limiter.peek(given)).toMatchObject({ remaining: 10 })
    await limiter.close()
  })

  it('one subject for each limit, of a tier too, and a text under the limits that can give it', async () => {
    const account = hour('account', body('email', { lower: true }))
    const limiter = createLimiter({ tiers: { free: [account, hour('address', ip())], paid: [account] }, on })
    expect(await subjectsOf(limiter, { account: 'A@x.de', address: '::ffff:192.0.2.1' })).toEqual(['a@x.de', '192.0.2.1'])
    await limiter.consume({ account: 'a@x.de', address: '192.0.2.1' }, { tier: 'free' })
    expect(await limiter.peek('A@X.DE', { tier: 'paid' })).toMatchObject({ remaining: 9 })
    expect(await limiter.reset('A@X.de')).toBe(true)
    expect(await limiter.peek({ address: '192.0.2.1' })).toMatchObject({ remaining: 9 })
    await limiter.close()
  })

  it('a subject that no key gives is an error, and counts nothing', async () => {
    const limiter = createLimiter({ name: 'api', limits: [hour('a', ip()), hour('b', [header('x-a'), ip()])] })
    const message =
      'limiter "api": subject: expected an address, or a list of 2 values (a value of header:x-a, an address), got the string "bob"; ' +
      'pass what its key gives: an address, a text, or a list with one value for each part'
    expect(refusal(() => void limiter.reset('bob'))).toMatchObject({
      code: 'ERR_SUBJECT_INVALID',
      message: expect.stringContaining(message),
    })
    for (const subject of ['bob', ['a'], { a: 'bob' }, { b: 'x' }, { c: 'x' }, new Request('192.0.2.1')])
      expect(refusal(() => void limiter.consume(subject as never)).code).toBe('ERR_SUBJECT_INVALID')
    expect(refusal(() => void limiter.block({ a: 'bob' }, '1h')).code).toBe('ERR_SUBJECT_INVALID')
    await expect(limiter.wait('bob')).rejects.toMatchObject({ code: 'ERR_SUBJECT_INVALID' })
    await limiter.close()
  })

  it.each([
    [{ limits: [hour('a', ip()), hour('b')] }, 'ERR_LIMIT_KEY', 'expected a key for limit "b", got none, while other limits have one'],
    [{ tiers: { x: [hour('a', ip())], y: [hour('b')] } }, 'ERR_LIMIT_KEY', 'limit "b"'],
    [{ limits: [hour('a')], ipv6Prefix: 48 }, 'ERR_LIMIT_KEY', 'expected a key for limit "a", got none beside ipv6Prefix'],
    [{ limits: [hour('a')], key: [] }, 'ERR_OPTION_INVALID', 'key'],
    [{ limits: [hour('a')], key: null }, 'ERR_OPTION_INVALID', 'key'],
    [{ limits: [hour('a')], key: ip(), ipv6Prefix: 96 }, 'ERR_OPTION_INVALID', 'ipv6Prefix'],
    [{ limits: [hour('a', ip())], missing: 'skip' }, 'ERR_OPTION_UNKNOWN', 'missing'],
  ])('%j is refused with %s, and takes no name', async (options, code, text) => {
    const store = memoryStore()
    const refused = refusal(() => loose.createLimiter({ ...options, store }))
    expect(refused.code).toBe(code)
    expect(refused.message).toContain(text)
    // Another definition can have the name.
    await createLimiter({ limits: [hour('other')], store }).close()
    await store.close?.()
  })
})

describe('a limiter with keys where it is mounted', () => {
  it('has its key and its prefix, unless the mount has others', async () => {
    const limiter = createLimiter({ limits: [hour('h')], key: [header('x-a'), ip()], ipv6Prefix: 48, on })
    const request = () => new Request('2001:db8:0:1ff::1', { 'x-a': 'me' })
    const mounted = createPipeline(host, { limiter })
    expect((await mounted(request())).decision?.charges[0]?.subject).toBe('me:2001\\:db8\\:\\:/48')
    expect(await limiter.peek(['me', '2001:db8:0:2ff::1'])).toMatchObject({ remaining: 9 })
    expect(await mounted.limiter.subjectOf(request())).toBe('me:2001\\:db8\\:\\:/48')
    expect(innerLimiter(mounted.limiter)).toBe(innerLimiter(limiter))
    const other = createPipeline(host, { limiter, key: ip(), ipv6Prefix: 64 })
    expect((await other(request())).decision?.charges[0]?.subject).toBe('2001:db8:0:1ff::/64')
    const extended = mounted.extend((rules) => rules.map((rule) => amendLimit(rule, { limit: 5 })))
    expect((await extended(request())).decision).toMatchObject({ remaining: 3 })
    expect(await limiter.reset(['me', '2001:db8::'])).toBe(true)
    expect((await mounted(request())).decision).toMatchObject({ remaining: 9 })
    await limiter.close()
  })

  it('numbers that are functions of a request: those of the call, the defaults, or an error', async () => {
    const key = header('x-a')
    const api = {
      name: 'api',
      limits: [slidingWindow({ name: 'minute', limit: (request: Request) => Number(request.headers['x-limit']), window: '1m', key })],
    }
    const store = memoryStore()
    const app = createPipeline(host, { ...api, store, on })
    const script = createLimiter({ ...api, store, on })
    await app(new Request('192.0.2.1', { 'x-a': 'me', 'x-limit': '20' }))
    expect(await script.peek('me', { numbers: { minute: { limit: 20 } } })).toMatchObject({ remaining: 19 })
    expect(refusal(() => void script.peek('me')).code).toBe('ERR_LIMIT_NUMBERS')
    expect(await script.reset('me')).toBe(true)
    await store.close?.()
  })
})
