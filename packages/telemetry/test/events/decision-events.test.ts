import { createLimiter, fixedWindow, type RequestBlockList, slidingWindow } from '@sluice/core'
import { createPipeline, type Host } from '@sluice/core/adapter-kit'
import { type DecisionEventsOptions, decisionEvents, type EventBatch, type EventWarning } from '@sluice/telemetry'
import { type FakeClock, fakeClock } from '@sluice/testing'
import { describe, expect, onTestFinished, test } from 'vitest'
import { limiterOf, SECRET, TestSink, viewOf } from './support.ts'

/** What was sent meanwhile has been answered, and its timers are set. */
const settled = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => void setImmediate(resolve))
}

/** Time passes in steps, so that what is sent is answered before its timeout. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1_000) {
    clock.advance(Math.min(left, 1_000))
    await settled()
  }
}

interface Setup {
  readonly sink: TestSink
  readonly clock: FakeClock
  readonly warnings: EventWarning[]
  readonly events: ReturnType<typeof decisionEvents>
}

function start(options: Partial<DecisionEventsOptions> = {}): Setup {
  const [sink, clock, warnings] = [new TestSink(), fakeClock(), [] as EventWarning[]]
  const on = { warning: (warning: EventWarning) => void warnings.push(warning) }
  const events = decisionEvents({ sink, clock, on, secret: SECRET, sample: 1, ...options })
  onTestFinished(async () => {
    sink.answer = 'taken'
    await events.close()
  })
  return { sink, clock, warnings, events }
}

const requestsOf = (sink: TestSink, namespace: string, policy = ''): Readonly<Record<string, number>> => {
  const rows = sink.rows.filter((row) => row.namespace === namespace && row.policy === policy)
  return Object.fromEntries(
    Array.from(
      viewOf(rows, ({ verdict }) => verdict),
      ([verdict, { requests }]) => [verdict, requests],
    ),
  )
}

describe('an event', () => {
  test('has the fields of the topic, and no other', async () => {
    const { sink, clock, events } = start({ region: 'eu', instance: 'pod-1' })
    const limiter = limiterOf(1, { name: 'fields' })
    await limiter.consume('alice', { cost: 1 })
    await limiter.consume('alice')
    await events.flush()
    const [allowed, refused] = sink.events
    expect(allowed).toEqual({
      id: expect.stringMatching(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/),
      at: clock.now(),
      region: 'eu',
      instance: 'pod-1',
      namespace: 'fields',
      tenant: '',
      policy: 'fields',
      limit: 'hour',
      tier: '',
      mode: 'enforce',
      verdict: 'allowed',
      source: 'memory',
      endpoint: '',
      method: '',
      subject: expect.stringMatching(/^[\da-f]{32}$/),
      cost: 1,
      remaining: 0,
      retry_after_ms: 0,
      latency_us: expect.any(Number),
      revision: 0,
      weight: 1,
      trace_id: '',
    })
    expect(refused).toMatchObject({ verdict: 'refused', retry_after_ms: expect.any(Number), subject: allowed?.subject })
    expect(refused?.id).not.toBe(allowed?.id)
  })

  test('of a decision without limits, and of one that is never admitted, has -1 for what is not finite', async () => {
    const { sink, events } = start()
    const limits = [fixedWindow({ name: 'hour', limit: 5, window: '1h' })]
    const limiter = createLimiter({ name: 'infinite', tiers: { free: limits, staff: [] }, on: { warning: () => undefined } })
    await limiter.consume('alice', { tier: 'staff' })
    await limiter.consume('alice', { tier: 'free', cost: 6 })
    await events.flush()
    expect(sink.events).toMatchObject([
      { tier: 'staff', policy: '', limit: '', subject: '', remaining: -1, source: 'none' },
      { tier: 'free', policy: 'infinite', cost: 6, retry_after_ms: -1, verdict: 'refused' },
    ])
  })

  test('has an HMAC in place of the subject; the same for one secret, another for another', async () => {
    const subjectBy = async (secret: string): Promise<string | undefined> => {
      const { sink, events } = start({ secret })
      await limiterOf(1).consume('203.0.113.7')
      await events.flush()
      expect(JSON.stringify(sink.batches)).not.toContain('203.0.113')
      expect(JSON.stringify(sink.batches)).not.toContain(secret)
      return sink.events[0]?.subject
    }
    const [first, again, other] = [await subjectBy(SECRET), await subjectBy(SECRET), await subjectBy(`${SECRET}!`)]
    expect(again).toBe(first)
    expect(other).not.toBe(first)
  })

  test("with subjects: 'plain', has the first 256 UTF-16 units of the subject", async () => {
    const { sink, events } = start({ subjects: 'plain', secret: undefined })
    const limiter = limiterOf(5)
    await limiter.consume('alice')
    await limiter.consume('x'.repeat(1_000))
    await events.flush()
    expect(sink.events.map(({ subject }) => subject)).toEqual(['alice', 'x'.repeat(256)])
  })

  test('of a refusal has the id of its trace', async () => {
    let trace: string | undefined = 'aaaa'
    const { sink, events } = start({ traceId: () => trace })
    const limiter = limiterOf(1)
    await limiter.consume('alice')
    await limiter.consume('alice')
    trace = undefined
    await limiter.consume('alice')
    await events.flush()
    expect(sink.events.map(({ trace_id }) => trace_id)).toEqual(['', 'aaaa', ''])
  })
})

describe('what is counted', () => {
  test('every decision, however few become events', async () => {
    const { sink, events } = start({ sample: 0, refusals: 2 })
    const limiter = limiterOf(10, { name: 'counted' })
    for (let i = 0; i < 15; i++) await limiter.consume('alice')
    await events.flush()
    expect(requestsOf(sink, 'counted')).toEqual({ allowed: 10, refused: 5 })
    expect(requestsOf(sink, 'counted', 'counted')).toEqual({ allowed: 10, refused: 5 })
    expect(sink.events).toHaveLength(2)
    expect(events.dropped()).toEqual({ budget: 3, queue: 0, rejected: 0, expired: 0 })
  })

  test('requests alone: no peek, no penalty and no credit', async () => {
    const { sink, events } = start()
    const limiter = limiterOf(10, { name: 'requests' })
    await limiter.peek('alice')
    await limiter.penalize('alice')
    await limiter.consume('alice')
    await limiter.credit('alice', { cost: 1 })
    await events.flush()
    expect(requestsOf(sink, 'requests')).toEqual({ allowed: 1 })
    expect(sink.events).toHaveLength(1)
  })

  test('limiters that existed before, and none after the end', async () => {
    const limiter = limiterOf(10, { name: 'before' })
    const { sink, events } = start()
    await limiter.consume('alice')
    await events.close()
    await limiter.consume('alice')
    await events.close()
    expect(requestsOf(sink, 'before')).toEqual({ allowed: 1 })
    expect(sink.isClosed).toBe(true)
  })
})

test('a block by a list is one request, whose limit is the rule; in shadow it is no request', async () => {
  const { sink, events } = start()
  const host: Host<string> = {
    id: (): object => ({}),
    method: () => 'GET',
    address: () => '203.0.113.7',
    header: () => undefined,
    route: () => '/a',
  }
  const limits = [fixedWindow({ name: 'hour', limit: 9, window: '1h', key: (subject: string) => subject })]
  const actions = { bot: 'refuse', suspect: 'shadow' } as const
  const blockList: RequestBlockList = {
    check: (subject) => {
      const action = actions[subject as keyof typeof actions]
      return action && { until: Date.now() + 60_000, rule: 'flood', action }
    },
  }
  const decide = createPipeline(host, { name: 'blocks', limits, blockList })
  for (const subject of ['bot', 'suspect', 'alice']) await decide(subject)
  await events.flush()
  expect(requestsOf(sink, 'blocks')).toEqual({ allowed: 2, blocked: 1 })
  expect(sink.events.filter(({ verdict }) => verdict === 'blocked')).toMatchObject([
    { limit: 'flood', policy: '', subject: '', source: 'block', mode: 'enforce', remaining: -1, endpoint: '/a', method: 'GET' },
    { limit: 'flood', source: 'block', mode: 'shadow' },
  ])
})

describe('rows of usage', () => {
  test('are sent every 10 s, and the last values of a minute after it, without another request', async () => {
    const { sink, clock } = start()
    const limiter = limiterOf(100, { name: 'minutes' })
    await limiter.consume('alice')
    await pass(clock, 10_000)
    expect(requestsOf(sink, 'minutes')).toEqual({ allowed: 1 })
    clock.advance(49_999)
    await limiter.consume('alice')
    const sent = sink.rows.length
    await pass(clock, 10_000)
    expect(requestsOf(sink, 'minutes')).toEqual({ allowed: 2 })
    expect(sink.rows.slice(sent).map(({ minute }) => minute * 1_000)).toEqual([clock.now() - 69_999, clock.now() - 69_999])
    await pass(clock, 60_000)
    // Nothing has changed, so nothing is sent.
    expect(sink.rows).toHaveLength(sent + 2)
  })

  test('are sent again for 15 minutes, until the sink answers', async () => {
    const { sink, clock, events } = start()
    const limiter = limiterOf(100, { name: 'again' })
    sink.answer = 'failed'
    for (let i = 0; i < 14; i++) {
      await limiter.consume('alice')
      await pass(clock, 60_000)
    }
    sink.answer = 'taken'
    await pass(clock, 10_000)
    expect(requestsOf(sink, 'again')).toEqual({ allowed: 14 })
    expect(new Set(sink.rows.map(({ minute }) => minute)).size).toBe(14)
    expect(events.dropped().expired).toBe(0)
  })

  test('are dropped and counted 15 minutes after their minute', async () => {
    const { sink, clock, events } = start()
    const limiter = limiterOf(100, { name: 'expired' })
    await limiter.consume('alice')
    sink.answer = 'failed'
    for (let i = 0; i < 17; i++) {
      await pass(clock, 60_000)
    }
    expect(events.dropped().expired).toBe(2)
    await limiter.consume('alice')
    sink.answer = 'taken'
    await pass(clock, 10_000)
    expect(requestsOf(sink, 'expired')).toEqual({ allowed: 1 })
  })

  test('of a batch that was counted while it was sent are sent again with their last values', async () => {
    const taken: EventBatch[] = []
    let answer: () => void = () => undefined
    const sink = (batch: EventBatch): Promise<void> => {
      taken.push(batch)
      return new Promise((resolve) => (answer = resolve))
    }
    const { events } = start({ sink, sample: 0 })
    const limiter = limiterOf(100, { name: 'meanwhile' })
    await limiter.consume('alice')
    const first = events.flush()
    await settled()
    await limiter.consume('alice')
    answer()
    await first
    const second = events.flush()
    await settled()
    answer()
    await second
    const counts = taken.flatMap(({ topic, events }) => (topic === 'sluice.usage.v1' ? events.map(({ requests }) => requests) : []))
    expect(counts).toEqual([1, 1, 2, 2])
  })
})

describe('while the sink is away', () => {
  test('no request waits, what is kept is sent later, and what is dropped is counted', async () => {
    const { sink, clock, events, warnings } = start({ maxQueue: 100 })
    const limiter = limiterOf(1_000_000, { name: 'away' })
    sink.answer = 'failed'
    for (let i = 0; i < 1_000; i++) {
      expect(limiter.consume(`user ${i}`)).toMatchObject({ allowed: true })
      if (i % 100 === 0) {
        await pass(clock, 6_000)
      }
    }
    await settled()
    expect(events.health()).toEqual({ sink: 'away', waiting: 100, folded: 0 })
    expect(events.dropped()).toEqual({ budget: 0, queue: 900, rejected: 0, expired: 0 })
    sink.answer = 'taken'
    await pass(clock, 60_000)
    expect(sink.events).toHaveLength(100)
    expect(requestsOf(sink, 'away')).toEqual({ allowed: 1_000 })
    expect(events.health()).toEqual({ sink: 'connected', waiting: 0, folded: 0 })
    expect(warnings.map(({ code }) => code)).toEqual(['WARN_SINK_AWAY', 'WARN_SINK_BACK'])
    expect(warnings[1]?.message).toContain('900 were dropped')
  })

  test('each outage is reported once', async () => {
    const { sink, clock, warnings } = start()
    const limiter = limiterOf(1_000)
    for (const answer of ['failed', 'failed', 'taken', 'lost', 'taken'] as const) {
      sink.answer = answer
      await limiter.consume('alice')
      await pass(clock, 30_000)
    }
    const expected = ['WARN_SINK_AWAY', 'WARN_SINK_BACK', 'WARN_SINK_AWAY', 'WARN_SINK_BACK']
    expect(warnings.map(({ code }) => code)).toEqual(expected)
    expect(warnings[0]?.message).toMatch(/the sink of the test does not take events: the answer is failed; .* \(WARN_SINK_AWAY, see /)
  })

  test('an event whose answer was lost comes again with the same id', async () => {
    const { sink, clock } = start()
    sink.answer = 'lost'
    await limiterOf(10).consume('alice')
    await pass(clock, 1_000)
    sink.answer = 'taken'
    await pass(clock, 30_000)
    expect(sink.events).toHaveLength(2)
    expect(sink.events[1]).toEqual(sink.events[0])
  })

  test('a sink that never answers is given up after the timeout, and asked at most 4 times', async () => {
    const signals: AbortSignal[] = []
    const sink = (_: EventBatch, signal: AbortSignal): Promise<void> => {
      signals.push(signal)
      return new Promise(() => undefined)
    }
    const { clock, events, warnings } = start({ sink, timeout: 500 })
    await limiterOf(10).consume('alice')
    for (let i = 0; i < 60; i++) {
      await pass(clock, 1_000)
    }
    expect(signals).toHaveLength(4)
    expect(signals.every(({ aborted }) => aborted)).toBe(true)
    expect(warnings[0]?.message).toContain('no answer for 500 ms')
    expect(await events.flush()).toBe(false)
  })

  test('a sink that has lost its promises is asked again after 15 minutes', async () => {
    let calls = 0
    const sink = (): unknown => {
      calls += 1
      return calls <= 4 ? new Promise(() => undefined) : undefined
    }
    const { clock, events } = start({ sink, timeout: 500 })
    await limiterOf(10).consume('alice')
    await pass(clock, 60_000)
    expect(calls).toBe(4)
    await pass(clock, 900_000)
    expect(await events.flush()).toBe(true)
    expect(events.health()).toMatchObject({ sink: 'connected', waiting: 0 })
  })

  test('a batch that the sink refuses for good is dropped and counted, and the next one is sent', async () => {
    let isFinal = true
    const taken: EventBatch[] = []
    const sink = (batch: EventBatch): void => {
      if (isFinal && batch.topic === 'sluice.decisions.v1') throw Object.assign(new Error('too large'), { isFinal })
      taken.push(batch)
    }
    const { events, warnings } = start({ sink })
    const limiter = limiterOf(10)
    await limiter.consume('alice')
    await events.flush()
    await limiter.consume('alice')
    await events.flush()
    expect(events.dropped()).toMatchObject({ rejected: 2, queue: 0 })
    expect(warnings.map(({ code }) => code)).toEqual(['WARN_SINK_REJECTED', 'WARN_SINK_REJECTED'])
    isFinal = false
    await limiter.consume('alice')
    expect(await events.flush()).toBe(true)
    expect(taken.flatMap(({ topic, events }) => (topic === 'sluice.decisions.v1' ? events : []))).toHaveLength(1)
  })

  test('the sink is left alone for as long as it asks', async () => {
    let calls = 0
    const sink = (): void => {
      calls += 1
      throw Object.assign(new Error('busy'), { retryAfter: 120_000 })
    }
    const { clock } = start({ sink })
    await limiterOf(10).consume('alice')
    for (let i = 0; i < 119; i++) {
      await pass(clock, 1_000)
    }
    expect(calls).toBe(1)
    await pass(clock, 10_000)
    expect(calls).toBe(2)
  })
})

describe('batches', () => {
  test('have at most 500 events, and 500 do not wait for others', async () => {
    const { sink, clock } = start()
    const limiter = limiterOf(10_000)
    for (let i = 0; i < 1_700; i++) void limiter.consume('alice')
    await settled()
    // The clock stands still.
    expect(sink.batches.map(({ events }) => events.length)).toEqual([500, 500, 500, 200])
    await limiter.consume('alice')
    await settled()
    expect(sink.events).toHaveLength(1_700)
    await pass(clock, 1_000)
    expect(sink.events).toHaveLength(1_701)
  })

  test('the end sends all that waits, counts what it could not send, and never rejects', async () => {
    const { sink, events } = start()
    const limiter = limiterOf(10, { name: 'end' })
    await limiter.consume('alice')
    sink.answer = 'failed'
    await events.close()
    expect(events.dropped()).toEqual({ budget: 0, queue: 1, rejected: 0, expired: 2 })
  })
})

test('of documents: each policy is counted, and the request once', async () => {
  const { documentPolicies, parseDocument } = await import('@sluice/policies')
  const { sink, events } = start()
  const limits = (limit: number): string => `limits: [{ name: hour, algorithm: fixedWindow, limit: ${limit}, window: 1h, subject: client }]`
  const policies = documentPolicies(
    parseDocument(`
apiVersion: sluice/v1
namespace: document
revision: 7
subjects: { client: { parts: [{ attribute: client }] } }
policies:
  - { name: api, rules: [{ name: all, ${limits(10)} }] }
  - { name: login, rules: [{ name: all, ${limits(3)} }] }
  - { name: stricter, mode: shadow, rules: [{ name: all, ${limits(2)} }] }
`),
  )
  for (let i = 0; i < 5; i++) await policies.check({ method: 'POST', path: '/login', attributes: { client: 'alice' } })
  await events.flush()
  expect(requestsOf(sink, 'document')).toEqual({ allowed: 3, refused: 2 })
  expect(requestsOf(sink, 'document', 'api')).toEqual({ allowed: 5 })
  expect(requestsOf(sink, 'document', 'login')).toEqual({ allowed: 3, refused: 2 })
  expect(requestsOf(sink, 'document', 'stricter')).toEqual({ allowed: 2, refused: 1 })
  expect(sink.events.find(({ verdict, mode }) => verdict === 'refused' && mode === 'enforce')).toMatchObject({
    policy: 'login',
    limit: 'hour',
    revision: 7,
  })
  await policies.close()
})

describe('options', () => {
  test.each([
    [{ sink: 1 }, /decisionEvents: sink: expected a sink such as httpSink\(\), or a function, got 1/],
    [{ secret: undefined }, /decisionEvents: secret: expected a text of at least 16 characters, .*, got undefined/],
    [{ secret: 'short secret' }, /decisionEvents: secret: expected a text of at least 16 characters, .*, got 12 /],
    [{ subjects: 'clear' }, /decisionEvents: subjects: expected 'hashed' or 'plain'/],
    [{ sample: 1.1 }, /decisionEvents: sample: expected a number from 0 to 1, got 1.1/],
    [{ refusals: -1 }, /decisionEvents: refusals: expected a whole number from 0 to 100000, got -1/],
    [{ maxQueue: 0 }, /decisionEvents: maxQueue: expected a whole number from 1 to 1000000, got 0/],
    [{ timeout: 0 }, /decisionEvents: timeout: expected a number from 1 to 600000, got 0/],
    [{ region: 1 }, /decisionEvents: region: expected a text, got 1/],
    [{ instance: 1 }, /decisionEvents: instance: expected a text, got 1/],
    [{ traceId: 'x' }, /decisionEvents: traceId: expected a function/],
    [{ on: { warning: 1 } }, /decisionEvents: on.warning: expected a function, got 1/],
    [{ on: { warnings: 1 } }, /"warnings" is not an option; use warning/],
    [{ smaple: 0.1 }, /"smaple" is not an option; use sample/],
  ])('%o is refused', (options, message) => {
    expect(() => decisionEvents({ sink: () => undefined, secret: SECRET, ...options } as never)).toThrow(message)
  })

  test('a secret that is too short is not shown', () => {
    expect(() => decisionEvents({ sink: () => undefined, secret: 'short secret' })).toThrow(
      expect.not.objectContaining({ message: /short/ }),
    )
  })
})

test('a clock of a limiter does not matter', async () => {
  const { sink, events, clock } = start()
  const limiter = createLimiter({ name: 'clocks', limits: [slidingWindow({ name: 'a', limit: 5, window: '1m' })] })
  await limiter.consume('alice')
  await events.flush()
  expect(sink.rows[0]?.minute).toBe(Math.floor(clock.now() / 60_000) * 60)
})
