import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Charge, type Decision, memoryStore, observe, type ObservedLimiter, type Store } from '@sluice/core'
import type { Host, PolicyPipeline } from '@sluice/core/adapter-kit'
import { createPipeline } from '@sluice/core/adapter-kit'
import { fakeClock } from '@sluice/testing'
import { describe, expect, test } from 'vitest'
import {
  clientDirectory,
  type ClientRow,
  type ClientTable,
  type DocumentOptions,
  documentPolicies,
  parseDocument,
  type PolicyDocument,
  policyFeed,
  type PolicySource,
} from '../src/index.ts'

/** A request of this test: the engine is what is tested, and the frameworks have a suite of their own. */
class Request {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  constructor(path = '/', headers: Readonly<Record<string, string>> = {}) {
    this.path = path
    this.headers = headers
  }
}

const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  target: ({ path }) => path,
  address: () => '203.0.113.7',
  header: ({ headers }, name) => headers[name],
}

const SUBJECTS = `subjects:
  address: { parts: [{ ip: true }] }
  client: { parts: [{ attribute: client }], missing: address }`

function textOf(policies: string, revision = 1, head = ''): string {
  return `apiVersion: sluice/v1\nnamespace: shop\nrevision: ${revision}\n${SUBJECTS}\n${head}\npolicies:\n${policies}`
}

function one(limit: string, revision = 1, more = ''): string {
  return textOf(`  - { name: api, ${more} rules: [{ name: all, limits: [{ ${limit} }] }] }`, revision)
}

const MINUTE = 'name: minute, algorithm: fixedWindow, window: 1m, subject: client'

function started(text: string, options: DocumentOptions = {}) {
  const clock = fakeClock()
  const policies = documentPolicies(parseDocument(text), { clock, store: memoryStore({ clock }), ...options })
  const decide = createPipeline<Request>(host, {
    policies,
    attributes: ({ headers }) => ({ client: headers['x-client'], plan: headers['x-plan'] }),
  })
  const get = async (headers: Readonly<Record<string, string>> = {}, path = '/') => decide(new Request(path, headers))
  return { clock, policies, get, use: (next: string) => policies.use(parseDocument(next)) }
}

function decisionOf(outcome: Awaited<ReturnType<PolicyPipeline<Request, unknown>['decide']>>): Decision {
  if (outcome.decision === undefined) throw new Error('nothing limited the request')
  return outcome.decision
}

describe('a new revision', () => {
  test('64 requests in flight are decided by one revision each, and settle in the next', async () => {
    const clock = fakeClock()
    const store = memoryStore({ clock })
    const waiting: (() => void)[] = []
    const later: Store = {
      name: 'later',
      clock,
      async consume(charges, options) {
        if (options?.how === undefined) await new Promise<void>((resolve) => waiting.push(resolve))
        return store.consume(charges, options)
      },
      reset: (targets) => store.reset(targets),
    }
    const refunded = `${MINUTE}, limit: 100, refundOn: [4xx]`
    const { get, use, policies } = started(one(refunded), { clock, store: later })
    const requests = Array.from({ length: 64 }, async (_, i) => {
      if (i === 32) use(one(`${MINUTE}, limit: 70`, 2))
      return get()
    })
    for (const end of waiting) end()
    const outcomes = await Promise.all(requests)
    const decisions = outcomes.map(decisionOf)
    for (const { revision, charges } of decisions) expect(charges[0]?.limit.limit).toBe(revision === 1 ? 100 : 70)
    expect(new Set(decisions.map(({ revision }) => revision))).toEqual(new Set([1, 2]))
    const used = async () => (await policies.engine.peek('~ip:203.0.113.7')).outcomes[0]?.used
    expect(await used()).toBe(64)
    // A third revision has another name for the limit.
    use(one(`${MINUTE.replace('minute', 'other')}, limit: 5`, 3))
    for (const outcome of outcomes) if (outcome.pass) await outcome.done?.(404, {})
    use(one(refunded, 4))
    const left = decisions.filter(({ revision }) => revision === 2).length
    expect(await used()).toBe(left)
  })

  test('reset and block reach the limits of the revision before', async () => {
    const { get, use, policies } = started(one(`${MINUTE}, limit: 2`))
    for (const _ of [1, 2]) await get()
    use(one('name: hour, algorithm: fixedWindow, window: 1h, subject: client, limit: 1', 2))
    await get()
    expect((await get()).pass).toBe(false)
    await policies.engine.reset('~ip:203.0.113.7')
    expect((await get()).pass).toBe(true)
    use(one(`${MINUTE}, limit: 2`, 3))
    expect(decisionOf(await get()).remaining).toBe(1)
  })

  test('of 10,000 revisions with other names and numbers, nothing is kept', async () => {
    const text = one(`${MINUTE}, limit: 5`)
    const { clock, get, policies } = started(text)
    // Not parsed each time, which would take most of the time.
    const written = JSON.stringify(parseDocument(text))
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const heap = async () => {
      await sleep(0)
      collect()
      return process.memoryUsage().heapUsed
    }
    const change = async (from: number, to: number) => {
      for (let revision = from; revision < to; revision++) {
        clock.advance(100)
        const changed = written.replaceAll('minute', `m${revision}`).replaceAll('"limit":5', `"limit":${5 + (revision % 7)}`)
        policies.use({ ...(JSON.parse(changed) as PolicyDocument), revision })
        expect((await get()).pass).toBe(true)
      }
    }
    await change(2, 2_500)
    const before = await heap()
    await change(2_500, 10_000)
    expect((await heap()) - before).toBeLessThan(4e6)
  }, 120_000)
})

describe('one decision', () => {
  test('has the strictest failure mode of its policies', async () => {
    const away: Store = {
      name: 'away',
      consume: () => Promise.reject(new Error('away')),
      reset: () => undefined,
    }
    const policy = (name: string, failMode: string) =>
      `  - { name: ${name}, failMode: ${failMode}, rules: [{ name: all, match: { paths: [/${name}, /all] }, limits: [{ ${MINUTE}, limit: 5 }] }] }`
    const { get } = started(textOf(['open', 'local', 'closed'].map((mode) => policy(mode, mode)).join('\n')), { store: away })
    const verdicts = await Promise.all(['/open', '/local', '/closed', '/all'].map(async (path) => decisionOf(await get({}, path))))
    expect(verdicts.map(({ verdict, failMode, source }) => [verdict, failMode, source])).toEqual([
      ['allowed', 'open', 'open'],
      ['allowed', 'local', 'local'],
      ['unavailable', 'closed', 'closed'],
      ['unavailable', 'closed', 'closed'],
    ])
  })

  test('equal sets of limits are one object for all requests, also of the next revision', async () => {
    const { get, use } = started(one(`${MINUTE}, limit: 5`))
    const first = decisionOf(await get()).charges[0] as Charge
    use(one(`${MINUTE}, limit: 5`, 2))
    expect((decisionOf(await get()).charges[0] as Charge).limit).toBe(first.limit)
    use(one(`${MINUTE}, limit: 6`, 3))
    use(one(`${MINUTE}, limit: 5`, 4))
    expect((decisionOf(await get()).charges[0] as Charge).limit).toEqual(first.limit)
  })
})

describe('the table of clients', () => {
  const HEAD = 'tier: { attribute: plan, table: clients, default: free }\ncolumns: { rpm_limit: api.minute }'
  const tiers = `  - name: api
    rules:
      - name: all
        tiers:
          free: [{ ${MINUTE}, limit: 1 }, { name: hour, algorithm: fixedWindow, window: 1h, subject: address, limit: 50 }]
          pro: [{ ${MINUTE}, limit: 10 }]
    overrides: [{ subject: client, is: special, limits: { minute: { limit: 77 } } }]`
  const rows: readonly ClientRow[] = [
    { client_id: 'acme', tier: 'pro', rpm_limit: null },
    { client_id: 'big', tier: 'pro', rpm_limit: 500 },
    { client_id: 'blocked', rpm_limit: 0 },
    { client_id: 'special', tier: 'pro', rpm_limit: 5 },
    { client_id: 'odd', limits: { 'api.hour': 9_999 } },
  ]
  const table: ClientTable = {
    name: 'rows',
    load: (ids) => Promise.resolve(rows.filter(({ client_id }) => ids.includes(String(client_id)))),
  }
  const limitsOf = async (client: string, plan?: string) => {
    const { get } = started(textOf(tiers, 1, HEAD), { clients: table })
    const headers = { 'x-client': client, ...(plan === undefined ? {} : { 'x-plan': plan }) }
    return decisionOf(await get(headers)).charges.map(({ limit }) => limit.limit)
  }

  test.each([
    ['a client that the table does not have has the tier of its attribute', 'nobody', 'pro', [10]],
    ['without an attribute it has the default', 'nobody', undefined, [1, 50]],
    ['the tier of the row comes before that of the attribute', 'acme', 'free', [10]],
    ['null keeps the number of the tier', 'acme', undefined, [10]],
    ['a column sets the number of its limit', 'big', undefined, [500]],
    ['an override of the document comes before the row', 'special', undefined, [77]],
    ['a row sets no limit whose subject others share', 'odd', undefined, [1, 50]],
  ] as const)('%s', async (_, client, plan, expected) => {
    expect(await limitsOf(client, plan)).toEqual(expected)
  })

  test('0 refuses', async () => {
    const { get } = started(textOf(tiers, 1, HEAD), { clients: table })
    expect((await get({ 'x-client': 'blocked' })).pass).toBe(false)
  })
})

describe('check', () => {
  test('decides a request that is data, with a cost where the document says none', async () => {
    const { policies } = started(one(`${MINUTE}, limit: 5`))
    const decision = await policies.check({ path: '/', ip: '203.0.113.7', attributes: { client: 'a' } }, { cost: 2 })
    expect(decision).toMatchObject({ allowed: true, remaining: 3, revision: 1, policies: ['api.all'], policy: 'shop' })
  })

  test('nothing limits the request: a decision without charges', async () => {
    const { policies } = started(textOf('  []'))
    expect(await policies.check({ path: '/' })).toMatchObject({ allowed: true, charges: [], revision: 1, policies: [] })
  })

  test('what is missing, or misspelt, is refused', async () => {
    const { policies } = started(one(`${MINUTE}, limit: 5`).replace('missing: address', 'missing: reject'))
    await expect(async () => policies.check({ path: '/' })).rejects.toMatchObject({ code: 'ERR_SUBJECT_MISSING' })
    await expect(async () => policies.check({ path: '/', atributes: {} } as never)).rejects.toMatchObject({ code: 'ERR_OPTION_UNKNOWN' })
    await expect(async () => policies.check({} as never)).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })
})

describe('a feed', () => {
  const nothing: PolicySource = {
    name: 'none',
    load: () => Promise.resolve({ documents: [] }),
    watch: (_, __, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
  }
  const feedOf = (onMissing: 'open' | 'closed') => policyFeed({ source: nothing, namespaces: ['shop'], onMissing, startTimeout: 10 })

  test('onMissing: open limits nothing, closed refuses with 503, and health says which', async () => {
    for (const onMissing of ['open', 'closed'] as const) {
      const feed = await feedOf(onMissing)
      const decide = createPipeline<Request>(host, { policies: feed })
      expect(await decide(new Request())).toMatchObject(onMissing === 'open' ? { pass: true, headers: [] } : { pass: false, status: 503 })
      expect(feed.health().namespaces).toMatchObject([{ namespace: 'shop', from: 'missing', revision: 0 }])
      await feed.close()
    }
  })

  test('an observer that throws does no harm to the feed', async () => {
    const codes: string[] = []
    const source: PolicySource = {
      ...nothing,
      load: () => Promise.resolve({ documents: [{ key: 'a', text: one(`${MINUTE}, limit: 5`) }] }),
    }
    const on = {
      change: () => {
        throw new Error('of the application')
      },
      warning: ({ code }: { readonly code: string }) => void codes.push(code),
    }
    const feed = await policyFeed({ source, on })
    expect(feed.health()).toMatchObject({ source: 'connected', namespaces: [{ revision: 1 }] })
    expect(codes).toEqual(['WARN_OBSERVER_FAILED'])
    await feed.close()
  })

  test.each([
    ['store', { store: 'redis' }],
    ['clients', { clients: {} }],
    ['ipv6Prefix', { ipv6Prefix: 200 }],
  ])('a wrong %s is refused before the source is asked', async (name, options) => {
    const load = (): never => {
      throw new Error('asked')
    }
    const refused = { code: 'ERR_OPTION_INVALID', message: expect.stringContaining(`${name}: expected`) as string }
    await expect(policyFeed({ source: { ...nothing, load }, ...options } as never)).rejects.toMatchObject(refused)
    expect(() => documentPolicies(parseDocument(one(`${MINUTE}, limit: 5`)), options as never)).toThrow(`${name}: expected`)
  })

  test('what was given stays open, and what was made ends with it', async () => {
    const closed: string[] = []
    const table = (name: string): ClientTable => ({ name, load: () => Promise.resolve([]), close: () => void closed.push(name) })
    const memory = memoryStore()
    const store: Store = {
      name: 'own',
      consume: memory.consume.bind(memory),
      reset: memory.reset.bind(memory),
      close: () => void closed.push('store'),
    }
    const given = clientDirectory({ table: table('given') })
    const documents = [{ key: 'a', text: one(`${MINUTE}, limit: 5`) }]
    const source: PolicySource = { ...nothing, load: () => Promise.resolve({ documents }) }
    await (await policyFeed({ source, store, clients: given })).close()
    expect(closed).toEqual([])
    await (await policyFeed({ source, store, clients: table('of the feed') })).close()
    await documentPolicies(parseDocument(one(`${MINUTE}, limit: 5`)), { store, clients: table('of the document') }).close()
    expect(closed).toEqual(['of the feed', 'of the document'])
    await given.close()
  })

  test('a start that fails says why the source failed, though its last load is aborted and answers', async () => {
    let loads = 0
    const source: PolicySource = {
      ...nothing,
      load: (signal) => {
        loads += 1
        if (loads === 1) return Promise.reject(new Error('it is another topic'))
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve({ documents: [] })))
      },
    }
    await expect(policyFeed({ source, startTimeout: 500, on: { warning: () => undefined } })).rejects.toThrow('it is another topic')
    expect(loads).toBe(2)
  })

  test('several namespaces are mounted by name', async () => {
    const documents = ['a', 'b'].map((name) => ({ key: name, text: one(`${MINUTE}, limit: 5`).replace('shop', name) }))
    const feed = await policyFeed({ source: { ...nothing, load: () => Promise.resolve({ documents }) } })
    expect(() => createPipeline<Request>(host, { policies: feed })).toThrow('policies: expected a feed of one namespace, got 2 (a, b)')
    expect(() => feed.of('c')).toThrow('ERR_POLICY_NAMESPACE')
    const outcome = await createPipeline<Request>(host, { policies: feed.of('b') })(new Request())
    expect(outcome.headers[0]).toEqual(['RateLimit-Policy', '"b.api.minute";q=5;w=60'])
    await feed.close()
  })
})

describe('options beside policies', () => {
  const { policies } = started(one(`${MINUTE}, limit: 5`))
  test.each(['limit', 'limits', 'tiers', 'tier', 'key', 'missing', 'store', 'limiter', 'ipv6Prefix', 'name', 'mode'])(
    '%s is refused',
    (name) => {
      const value =
        { limit: 1, limits: [], tiers: {}, tier: () => 'a', key: () => 'a', missing: 'skip', store: memoryStore(), ipv6Prefix: 56 }[name] ??
        'a'
      expect(() => createPipeline<Request>(host, { policies, [name]: name === 'limiter' ? { consume: () => undefined } : value })).toThrow(
        /expected either policies or \w+, got both|tier: expected tiers/,
      )
    },
  )

  test('attributes without policies, and what is no policies', () => {
    expect(() => createPipeline<Request>(host, { attributes: () => ({}) })).toThrow('ERR_OPTION_CONFLICT')
    expect(() => createPipeline<Request>(host, { policies: { mount: 1 } as never })).toThrow(
      'what policyFeed() of @sluice/policies returns',
    )
    expect(() => createPipeline<Request>(host, { policies }).extend(() => [])).toThrow('ERR_OPTION_CONFLICT')
    const { target: _, ...messages } = host
    expect(() => createPipeline<Request>(messages, { policies })).toThrow('an adapter whose requests have a path')
  })

  test('cost and settle are for limits of which the document says nothing', async () => {
    const text = textOf(
      `  - { name: api, rules: [{ name: all, limits: [{ ${MINUTE}, limit: 50 }, { name: said, algorithm: fixedWindow, window: 1h, subject: client, limit: 50, cost: 3, settle: { attribute: used, max: 9 } }] }] }`,
    )
    const shop = documentPolicies(parseDocument(text))
    const attributes = { used: undefined as number | undefined }
    const decide = createPipeline<Request>(host, { policies: shop, attributes: () => attributes, cost: () => 7, settle: () => 2 })
    const outcome = await decide(new Request())
    expect(decisionOf(outcome).charges.map(({ cost }) => cost)).toEqual([7, 3])
    attributes.used = 5
    if (outcome.pass) await outcome.done?.(200, {})
    const used = (await shop.engine.peek('~ip:203.0.113.7')).outcomes.map((each) => each?.used)
    expect(used).toEqual([2, 5])
  })
})

describe('observe', () => {
  test('shows the limits of a document for each tier that it knows, and again with each revision', () => {
    const shown: ObservedLimiter[] = []
    const stop = observe({ limiter: (limiter) => void (limiter.name === 'shop' && shown.push(limiter)) })
    const rules = `rules:
      - name: plans
        tiers:
          free: [{ ${MINUTE}, limit: 5 }]
          pro: [{ ${MINUTE}, limit: 50 }]
      - name: rest
        limits: [{ name: day, algorithm: fixedWindow, window: 1d, subject: client, limit: 1000 }]`
    const trial = `  - { name: trial, rollout: { percent: 5, by: client }, rules: [{ name: all, limits: [{ ${MINUTE}, limit: 1 }] }] }`
    const off = `  - { name: gone, mode: off, rules: [{ name: all, limits: [{ ${MINUTE}, limit: 1 }] }] }`
    const head = 'tier: { attribute: plan, default: free }'
    shown.length = 0
    const { use, policies } = started(textOf(`  - name: api\n    ${rules}\n${trial}\n${off}`, 1, head))
    expect(
      shown
        .at(-1)
        ?.limits()
        .map(({ policy, limit, tier, mode, units }) => [policy, limit, tier, mode, units]),
    ).toEqual([
      ['api', 'api.minute', 'free', 'enforce', 5],
      ['api', 'api.day', 'free', 'enforce', 1_000],
      ['api', 'api.minute', 'pro', 'enforce', 50],
      ['api', 'api.day', 'pro', 'enforce', 1_000],
      ['trial', 'trial.minute', 'free', 'enforce', 1],
      ['trial', 'trial.minute', 'free', 'shadow', 1],
      ['trial', 'trial.minute', 'pro', 'enforce', 1],
      ['trial', 'trial.minute', 'pro', 'shadow', 1],
    ])
    use(one(`${MINUTE}, limit: 7`, 2))
    expect(shown).toHaveLength(2)
    expect(shown[1]).toBe(shown[0])
    expect(shown[0]?.limits()).toEqual([{ policy: 'api', limit: 'api.minute', tier: undefined, mode: 'enforce', units: 7 }])
    expect(shown[0]?.health()?.tier).toBe('memory')
    void policies.close()
    expect(shown[0]?.limits()).toEqual([])
    stop()
  })
})

describe('what the application says of a request', () => {
  const slots = '{ name: slots, algorithm: concurrency, ttl: 1m, limit: 2, subject: client }'

  test('a cost is that of every limit but concurrency, which takes 1', async () => {
    const { policies } = started(textOf(`  - { name: api, rules: [{ name: all, limits: [{ ${MINUTE}, limit: 9 }, ${slots}] }] }`))
    const { charges, allowed } = await policies.check({ path: '/', attributes: { client: 'a' } }, { cost: 3 })
    expect([allowed, charges.map(({ cost }) => cost)]).toEqual([true, [3, 1]])
  })

  test('a peek of a mount answers as a decision would, and takes nothing', async () => {
    const { policies } = started(
      textOf(
        `  - { name: api, status: 403, rules: [{ name: all, limits: [{ ${MINUTE}, limit: 2 }] }] }
  - { name: trial, mode: shadow, rules: [{ name: all, limits: [{ name: one, algorithm: fixedWindow, window: 1m, subject: client, limit: 1 }] }] }`,
      ),
    )
    const mount = policies.mount<Request>({
      method: () => 'GET',
      target: ({ path }) => path,
      host: () => undefined,
      address: () => '203.0.113.7',
      isForwarded: () => false,
      header: () => undefined,
      route: () => undefined,
      attributes: () => ({ client: 'a' }),
    })
    for (const cost of [1, 2])
      expect((await mount.peek(new Request(), cost)).decided?.decision).toMatchObject({ allowed: true, remaining: 2 })
    const refused = await mount.peek(new Request(), 3)
    expect(refused.decided).toMatchObject({ status: 403, decision: { allowed: false, verdict: 'refused' } })
    expect(refused.background, 'policies in shadow are not asked').toBeUndefined()
    expect((await mount.decide(new Request(), 2)).decided?.decision).toMatchObject({ allowed: true, remaining: 0 })
  })
})
