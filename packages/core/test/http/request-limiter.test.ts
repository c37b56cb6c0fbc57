import {
  amendLimit,
  body,
  type CallOptions,
  createLimiter,
  type Decision,
  fixedWindow,
  header,
  ip,
  type Limiter,
  type RateLimitOptions,
  user,
} from '@sluice/core'
import { createPipeline, type Host, innerLimiter } from '@sluice/core/adapter-kit'
import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { spellingOf } from '../../src/identity/spelling.ts'
import { subjectReader } from '../../src/identity/subject.ts'

/** As the request of a framework, it has a class. */
class Request {
  readonly address: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
  constructor({ address = '2001:db8:0:1ff::1', headers = {}, fields = {} }: { address?: string; headers?: object; fields?: object } = {}) {
    this.address = address
    this.headers = headers as Readonly<Record<string, string>>
    this.body = fields
  }
}
const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  address: (request) => request.address,
  header: (request, name) => request.headers[name],
  body: (request) => request.body,
}
const made = (options: RateLimitOptions<Request> = {}) => createPipeline(host, options)
const hour = (name: string, key?: RateLimitOptions<Request>['key']) => fixedWindow({ name, limit: 10, window: '1h', key })
const subjects = ({ charges }: Decision) => charges.map(({ subject }) => subject)
const spelledTo = async (limiter: Limiter, subject: unknown, options?: CallOptions<string, string>) =>
  subjects(await limiter.peek(subject as never, options))

describe('M5: wait', () => {
  it('takes a request, and an address in any notation', async () => {
    const { limiter } = made({ limits: [hour('a', ip()), hour('b', header('x-a'))] })
    const decision = await limiter.wait(new Request({ address: '::ffff:192.0.2.1', headers: { 'x-a': 'me' } }), { cost: 3 })
    expect([decision.allowed, subjects(decision)]).toEqual([true, ['192.0.2.1', 'me']])
    expect(subjects(await limiter.wait({ a: '::ffff:192.0.2.1', b: 'me' }))).toEqual(['192.0.2.1', 'me'])
    expect(await limiter.wait({ a: '192.0.2.1', b: 'me' }, { cost: 7, maxWait: 0 })).toMatchObject({ allowed: false })
    await expect(limiter.wait(new Request({ headers: { 'x-a': 'me' } }), { timeout: 1 } as never)).rejects.toMatchObject({
      code: 'ERR_OPTION_UNKNOWN',
    })
    await expect(limiter.wait('not an address')).rejects.toMatchObject({ code: 'ERR_SUBJECT_INVALID' })
  })
})

describe('F03: subjects as the key spells them', () => {
  it.each([
    ['an address in any notation', undefined, '::ffff:192.0.2.1', '192.0.2.1'],
    ['a NAT64 address', ip(), '64:ff9b::192.0.2.1', '192.0.2.1'],
    ['an IPv6 address', ip(), '2001:DB8:0:1ab::', '2001:db8:0:100::/56'],
    ['its own subject', ip(), '2001:db8:0:100::/56', '2001:db8:0:100::/56'],
    ['an address from elsewhere', ip(() => ''), '[2001:db8::1]:80', '2001:db8::/56'],
    ['the address that replaces a key', header('x-a'), '~ip:::ffff:192.0.2.1', '~ip:192.0.2.1'],
    ['a text', header('x-a'), 'a:b', 'a:b'],
    ['the subject of a value with ~', header('x-a'), '~~a', '~~a'],
    ['a list of one value', header('x-a'), ['~a'], '~~a'],
    ['a function', () => 'x', 'user:42', 'user:42'],
    ['lower', body('email', { lower: true }), ' Bob@X.de', 'bob@x.de'],
    ['a list', [body('email', { lower: true }), ip()], ['Bob@x:y', '::ffff:1.2.3.4'], 'bob@x\\:y:1.2.3.4'],
    ['a joined text', [header('x-a'), ip()], 'a\\:b:2001\\:db8\\:\\:1', 'a\\:b:2001\\:db8\\:\\:/56'],
    ['a joined text with a replacement', [header('x-a'), ip()], '~ip\\:1.2.3.4:1.2.3.4', '~ip\\:1.2.3.4:1.2.3.4'],
    ['a list with a function', [header('x-a'), () => 'x'], ['a', 'b\\'], 'a:b\\\\'],
  ] as const)('%s', async (_, key, given, expected) => {
    const { limiter } = made({ limits: [hour('h')], key: key as never })
    expect(await spelledTo(limiter, given)).toEqual([expected])
    expect(await spelledTo(limiter, { h: given })).toEqual([expected])
    await limiter.consume(given)
    expect(await limiter.reset(expected)).toBe(true)
    expect((await limiter.peek(given)).remaining).toBe(10)
    expect(await limiter.reset(expected)).toBe(false)
    await limiter.consume(expected)
    expect(await limiter.reset({ h: given })).toBe(true)
    expect((await limiter.peek(expected)).remaining).toBe(10)
  })
  it.each([
    ['a name for an address', undefined, 'ann'],
    ['a list of two for one part', ip(), ['1.2.3.4', 'a']],
    ['a text for two parts', [header('x-a'), ip()], 'a'],
    ['an address that is none', [header('x-a'), ip()], ['a', 'b']],
    ['a joined text with an address that is none', [header('x-a'), ip()], 'a:b'],
    ['a mark that no key makes', header('x-a'), '~a'],
    ['a replacement that is no address', header('x-a'), '~ip:a'],
    ['white space alone', body('email', { lower: true }), ' '],
  ] as const)('refuses %s', async (_, key, given) => {
    const { limiter } = made({ name: 'api', limits: [hour('h')], key: key as never })
    const message =
      /^limiter "api": subject( of limit "h")?: expected .*, got .*; pass the request, or what its key can give.*ERR_SUBJECT_INVALID/
    for (const subject of [given, { h: given }]) {
      for (const method of ['reset', 'peek', 'consume', 'penalize', 'credit'] as const)
        await expect((async () => limiter[method](subject as never))()).rejects.toThrow(message)
    }
  })
  it('says what the keys take', () => {
    const { limiter } = made({ limits: [hour('pair', [body('email'), ip()]), hour('address', ip())] })
    expect(() => limiter.reset('ann')).toThrow(
      'limiter "default": subject: expected a list of 2 values (a value of body:email, an address), or an address, got the string "ann"; pass the request, or what its key can give',
    )
    expect(() => limiter.peek('1.2.3.4')).toThrow(/subject of limit "pair": expected .*a list of 2 values/)
  })
  it('checks types, empty texts and names of limits as every limiter does', () => {
    const { limiter } = made({ limits: [hour('h')] })
    for (const subject of [42, null, '', [], [''], [1], { h: 7 }, { other: '1.2.3.4' }])
      expect(() => limiter.reset(subject as never), JSON.stringify(subject)).toThrow(/ERR_SUBJECT_INVALID/)
  })
  it('resets the limits whose key can give the subject, and no other', async () => {
    const { limiter } = made({ limits: [hour('address', ip()), hour('account', header('x-a'))] })
    const both = { address: '1.2.3.4', account: 'ann' }
    await limiter.consume(both, { cost: 3 })
    await limiter.reset('ann')
    expect((await limiter.peek(both, { cost: 0 })).outcomes.map((outcome) => outcome?.remaining)).toEqual([7, 10])
    await limiter.reset('1.2.3.4')
    expect((await limiter.peek(both, { cost: 0 })).outcomes.map((outcome) => outcome?.remaining)).toEqual([10, 10])
  })
  it('knows the keys of tiers, and of the pipelines that extend it', async () => {
    const pipeline = made({ tiers: { free: [hour('h')], pro: [hour('h', header('x-a'))] }, tier: () => 'pro' })
    expect(await spelledTo(pipeline.limiter, '::ffff:1.2.3.4', { tier: 'free' })).toEqual(['1.2.3.4'])
    expect(await spelledTo(pipeline.limiter, '::ffff:1.2.3.4', { tier: 'pro' })).toEqual(['::ffff:1.2.3.4'])
    const app = made({ limits: [hour('app')] })
    const route = app.extend((rules) => [...rules, amendLimit(hour('own', header('x-a')), { scope: 'route' })])
    await route(new Request({ headers: { 'x-a': 'ann' } }))
    await app.limiter.reset('ann')
    const left = await route.limiter.peek({ app: '2001:db8:0:1ff::', own: 'ann' }, { cost: 0 })
    expect(left.outcomes.map((outcome) => outcome?.remaining)).toEqual([9, 10])
  })
})

describe('F03: requests', () => {
  const request = new Request({ headers: { 'x-a': 'ann' } })

  it('returns the subject of one key, of several, and of none', async () => {
    expect(made().limiter.subjectOf(request)).toBe('2001:db8:0:100::/56')
    expect(made({ limits: [hour('a', ip()), hour('b', ip())] }).limiter.subjectOf(request)).toBe('2001:db8:0:100::/56')
    const several = made({
      limits: [
        hour('a', ip()),
        hour(
          'b',
          user(async () => 'bob'),
        ),
      ],
    })
    expect(await several.limiter.subjectOf(request)).toEqual({ a: '2001:db8:0:100::/56', b: 'bob' })
    for (const missing of ['skip', 'reject'] as const)
      expect(made({ key: header('x-other'), missing }).limiter.subjectOf(request)).toBeUndefined()
    expect(made({ key: header('x-other') }).limiter.subjectOf(request)).toBe('~ip:2001:db8:0:100::/56')
    expect(made({ tiers: { free: [] }, tier: () => 'free' }).limiter.subjectOf(request)).toBeUndefined()
    expect(await made({ tiers: { free: [hour('h', header('x-a'))] }, tier: async () => 'free' }).limiter.subjectOf(request)).toBe('ann')
  })
  it('returns the address with all bits, and decides nothing', async () => {
    const on = { decision: vi.fn<() => void>() }
    const { limiter } = made({ on })
    expect(limiter.clientAddress(request)).toBe('2001:db8:0:1ff::1')
    expect(limiter.clientAddress(new Request({ address: '::ffff:1.2.3.4' }))).toBe('1.2.3.4')
    await Promise.resolve()
    expect(on.decision).not.toHaveBeenCalled()
    const proxied = made({ trustProxy: 1 }).limiter
    expect(proxied.clientAddress(new Request({ headers: { 'x-forwarded-for': '6.6.6.6, 2001:DB8::9' } }))).toBe('2001:db8::9')
  })
  it('does not count a request for the checks of the set-up', () => {
    const on = { warning: vi.fn<() => void>() }
    const { limiter } = made({ on })
    for (let i = 0; i < 1_001; i++) limiter.clientAddress(request)
    expect(on.warning).not.toHaveBeenCalled()
  })
  it('resets all that its keys give, in every tier', async () => {
    const pipeline = made({
      tiers: {
        free: [hour('h')],
        pro: [
          hour(
            'p',
            user(async ({ headers }: Request) => headers['x-a']),
          ),
        ],
      },
      tier: ({ headers }) => headers['x-tier'],
    })
    const asked = (tier: string) => new Request({ headers: { 'x-a': 'ann', 'x-tier': tier } })
    for (const tier of ['free', 'pro']) await pipeline(asked(tier))
    const { limiter } = pipeline
    expect((await limiter.peek(asked('free'), { cost: 0 })).remaining).toBe(9)
    await limiter.reset(asked('free'))
    expect((await limiter.peek('2001:db8:0:100::', { cost: 0, tier: 'free' })).remaining).toBe(10)
    expect((await limiter.peek('ann', { cost: 0, tier: 'pro' })).remaining).toBe(10)
  })
  it.each([
    ['a key rejects, and so does the tier', { tier: () => Promise.reject(new Error('of the tier')) }, 'of a promise'],
    ['a later key throws', { thrown: 'at once' }, 'at once'],
  ])('reset has one error, and leaves no rejection behind, when %s', async (_case, { tier, thrown }: any, message) => {
    const unhandled: unknown[] = []
    const listener = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', listener)
    try {
      const rejects = () => Promise.reject(new Error('of a promise'))
      const throws = () => {
        if (thrown !== undefined) throw new Error(thrown)
        return 'ann'
      }
      const tiers = { free: [hour('h')], pro: [hour('p', rejects), hour('q', throws)] }
      const { limiter } = made({ tiers, tier: tier ?? (() => 'free') })
      await expect(async () => limiter.reset(request)).rejects.toThrow(tier === undefined ? message : /of a promise|of the tier/)
      // Node reports a rejection before the next turn.
      await new Promise((resolve) => setImmediate(resolve))
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', listener)
    }
  })
  it('decides by the tier and the numbers of the request, unless a tier is given', async () => {
    const { limiter } = made({
      tiers: { free: [hour('h')], pro: [fixedWindow({ name: 'p', limit: 50, window: '1h' })], none: [] },
      tier: async ({ headers }) => headers['x-tier'],
    })
    const pro = new Request({ headers: { 'x-tier': 'pro' } })
    expect(await limiter.consume(pro, { cost: 2 })).toMatchObject({ tier: 'pro', remaining: 48 })
    expect(await limiter.peek(pro, { cost: 0, tier: 'free' })).toMatchObject({ tier: 'free', remaining: 10 })
    expect(await limiter.penalize(pro, { cost: 60 })).toMatchObject({ tier: 'pro', remaining: 0 })
    expect(await limiter.credit(pro, { cost: 30 })).toMatchObject({ tier: 'pro', remaining: 18 })
    expect(await limiter.penalize(pro, { cost: 30 })).toMatchObject({ tier: 'pro', remaining: 0 })
    const unlimited = new Request({ headers: { 'x-tier': 'none' } })
    expect(await limiter.peek(unlimited)).toMatchObject({ allowed: true, remaining: Infinity })
    expect(await limiter.subjectOf(unlimited)).toBeUndefined()
    const peeked = await limiter.peek(pro, { tier: 'free' })
    await limiter.settle(peeked, 0)
    expect((await limiter.peek(pro, { cost: 0, tier: 'free' })).remaining).toBe(10)

    const numbers = made({ limit: ({ headers }) => Number(headers['x-limit']), window: async () => '2h' as const })
    const seven = new Request({ headers: { 'x-limit': '7' } })
    await numbers(seven)
    expect((await numbers.limiter.peek(seven, { cost: 0 })).remaining).toBe(6)
    await numbers.limiter.reset(seven)
    expect((await numbers.limiter.peek(seven, { cost: 0 })).remaining).toBe(7)
  })
  it('refuses options that no method has', () => {
    expect(() => made().limiter.peek(request, { costs: 1 } as never)).toThrow(/costs/)
    expect(() => made().limiter.peek(request, 3 as never)).toThrow(/ERR_COST_INVALID/)
  })
  it('is an error where the request has no subject', async () => {
    const { limiter } = made({ key: header('x-other'), missing: 'skip' })
    for (const method of ['reset', 'peek', 'consume', 'penalize', 'credit'] as const)
      expect(() => limiter[method](request)).toThrow(/ERR_SUBJECT_MISSING/)
  })
  it('is the limiter of another mount, and of an application’s own limiter', async () => {
    const first = made({ limits: [hour('h')] })
    const second = made({ limiter: first.limiter, key: header('x-a') })
    await first(request)
    await second(request)
    expect((await second.limiter.peek('ann', { cost: 0 })).remaining).toBe(10)
    await second(new Request({ headers: { 'x-a': 'bob' } }))
    expect((await second.limiter.peek('bob', { cost: 0 })).remaining).toBe(9)
    await second.limiter.reset('bob')
    expect((await second.limiter.peek(new Request({ headers: { 'x-a': 'bob' } }), { cost: 0 })).remaining).toBe(10)
    expect(() => first.limiter.reset('bob')).toThrow(/ERR_SUBJECT_INVALID/)

    const close = vi.fn<() => void>()
    const over = Object.assign(Object.create(first.limiter) as typeof first.limiter, { close })
    expect(innerLimiter(made({ limiter: over }).limiter)).toBe(over)
    expect(innerLimiter(second.limiter)).toBe(innerLimiter(first.limiter))

    const inner = createLimiter({ limits: [hour('h')] })
    const wrapped = {
      ...inner,
      name: 'own',
      consume: inner.consume.bind(inner),
      peek: inner.peek.bind(inner),
      reset: inner.reset.bind(inner),
    }
    const third = made({ limiter: wrapped as Limiter, key: [header('x-a'), ip()] })
    await third(request)
    expect((await third.limiter.peek(['ann', '2001:db8:0:100::5'], { cost: 0 })).remaining).toBe(9)
    await third.limiter.reset(request)
    expect((await third.limiter.peek(['ann', '2001:db8:0:100::5'], { cost: 0 })).remaining).toBe(10)
  })
})

describe('any subject', () => {
  const text = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[~:\\ab]{0,6}$/),
    fc.constantFrom('1.2.3.4', '::ffff:1.2.3.4', '2001:db8::1', '~ip:1.2.3.4'),
  )
  const part = fc.constantFrom(header('x-a'), body('email', { lower: true }), ip(), () => 'x')

  it('is spelled as a request with these values is, and its spelling is its own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(part, text), { minLength: 1, maxLength: 4 }), async (pairs) => {
        const values = pairs.map(([, value]) => value)
        const spelling = spellingOf(
          pairs.map(([each]) => each),
          undefined,
        )
        // The same parts, which read these values.
        const key = pairs.map(([each, value]) => (typeof each === 'function' ? () => value : { ...each, read: () => value }))
        const read = await subjectReader(key, { facts: host, missing: 'skip' })(new Request())
        const spelled = spelling.subjectOf(values)
        expect(spelled).toBe(typeof read === 'string' ? read : undefined)
        expect(spelled === undefined ? spelled : spelling.subjectOf(spelled)).toBe(spelled)
      }),
    )
  })
  it('is refused or spelled, and never throws', () => {
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), text, (key, given) => {
        const spelled = spellingOf(key, undefined).subjectOf(given)
        expect(spelled === undefined ? spelled : spellingOf(key, undefined).subjectOf(spelled)).toBe(spelled)
      }),
    )
  })
})

it('a limiter of createLimiter joins a list, and takes any text', async () => {
  const limiter = createLimiter({ limits: [hour('h')] })
  expect(subjects(await limiter.consume(['a:b', 'c']))).toEqual(['a\\:b:c'])
  expect(subjects(await limiter.consume({ h: ['a', 'c'] }))).toEqual(['a:c'])
  await limiter.reset(['a', 'c'])
  expect((await limiter.peek('a:c')).remaining).toBe(10)
  expect(() => limiter.consume([])).toThrow(/ERR_SUBJECT_INVALID/)
})
