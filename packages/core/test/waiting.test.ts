// Calls of `wait`, on a clock that only the tests move.
import {
  concurrency,
  createLimiter,
  type Decision,
  fixedWindow,
  leakyBucket,
  type Limiter,
  memoryStore,
  type Store,
  tokenBucket,
  type WaitOptions,
} from '@sluice/core'
import { type FakeClock, fakeClock } from '@sluice/testing'
import { describe, expect, it, vi } from 'vitest'

type AnyLimiter = Limiter<string, string>

const second = tokenBucket({ name: 'second', limit: 1, window: '1s' })
const queue = leakyBucket({ name: 'queue', limit: 10, window: '1s', queue: true, maxDelay: '1h' })

function setUp(limits: Parameters<typeof createLimiter>[0]['limits'], wrap: (store: Store) => Store = (store) => store) {
  const clock = fakeClock()
  const store = wrap(memoryStore({ clock }))
  return { clock, limiter: createLimiter({ name: 'api', limits, store }) as AnyLimiter }
}

/** The same store, which answers in a promise. */
function answeringLater(store: Store): Store {
  return { name: 'later', clock: store.clock, consume: async (charges, options) => store.consume(charges, options), reset: () => undefined }
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

async function advance(clock: FakeClock, ms: number): Promise<void> {
  await settled()
  clock.advance(ms)
  await settled()
}

/** Starts calls, and records in which order they end. */
function start(limiter: AnyLimiter, names: readonly string[], options: (name: string) => WaitOptions<string, string> = () => ({})) {
  const ended: string[] = []
  const decisions = new Map<string, Decision>()
  for (const name of names) {
    limiter.wait('u', options(name)).then(
      (decision) => {
        decisions.set(name, decision)
        ended.push(decision.allowed ? name : `${name} refused`)
      },
      (error: unknown) => ended.push(`${name} ${(error as { code?: string }).code ?? String(error)}`),
    )
  }
  return { ended, decisions }
}

describe('M5: a call waits until it is admitted', () => {
  it('in the order of the calls, each as early as the limit allows', async () => {
    const { clock, limiter } = setUp([second])
    const { ended } = start(limiter, ['a', 'b', 'c'])
    await settled()
    expect(ended).toEqual(['a'])
    await advance(clock, 999)
    expect(ended).toEqual(['a'])
    await advance(clock, 1)
    expect(ended).toEqual(['a', 'b'])
    await advance(clock, 1_000)
    expect(ended).toEqual(['a', 'b', 'c'])
    expect(clock.pending).toBe(0)
  })

  it('asks the store for one call at a time, whatever their number', async () => {
    const { clock, limiter } = setUp([second])
    const consume = vi.spyOn(limiter as { decide: () => unknown } & AnyLimiter, 'decide')
    const { ended } = start(
      limiter,
      Array.from({ length: 100 }, (_, i) => `${i}`),
    )
    await settled()
    expect([ended.length, consume.mock.calls.length]).toEqual([1, 2])
    for (let i = 0; i < 20; i++) await advance(clock, 1_000)
    expect([ended.length, consume.mock.calls.length]).toEqual([21, 42])
  })

  it('of other subjects alone', async () => {
    const { limiter } = setUp([second])
    start(limiter, ['a', 'b'])
    expect(await limiter.wait('v')).toMatchObject({ allowed: true })
  })

  it('takes a part, and the cost of an expensive call is not starved by cheap ones', async () => {
    const { clock, limiter } = setUp([tokenBucket({ name: 'rows', limit: 10, window: '10s' })])
    void limiter.consume('u', { cost: 10 })
    const { ended, decisions } = start(limiter, ['dear', 'cheap', 'part'], (name) =>
      name === 'dear' ? { cost: 5 } : name === 'part' ? { cost: 5, atLeast: 2 } : {},
    )
    await advance(clock, 4_000)
    expect(ended).toEqual([])
    await advance(clock, 1_000)
    expect(ended).toEqual(['dear'])
    await advance(clock, 1_000)
    await advance(clock, 2_000)
    expect(ended).toEqual(['dear', 'cheap', 'part'])
    expect(decisions.get('part')?.granted).toBe(2)
  })

  it('for a slot of this process that is released, at once', async () => {
    const { limiter } = setUp([concurrency({ name: 'slots', limit: 1, ttl: '1h' })])
    const { ended, decisions } = start(limiter, ['a', 'b', 'c', 'd'])
    await settled()
    expect(ended).toEqual(['a'])
    void limiter.release(decisions.get('a') as Decision)
    await settled()
    expect(ended).toEqual(['a', 'b'])
    void limiter.settle(decisions.get('b') as Decision, 1)
    await settled()
    void limiter.reset('u')
    await settled()
    expect(ended).toEqual(['a', 'b', 'c', 'd'])
  })

  /** Over a store whose answers arrive in the order of the calls, when the test delivers them. */
  function remote(limits: Parameters<typeof createLimiter>[0]['limits']) {
    const held: (() => void)[] = []
    const { limiter } = setUp(limits, (store) => ({
      name: 'remote',
      clock: store.clock,
      reset: (targets) => store.reset(targets),
      async consume(charges, options) {
        const outcomes = await store.consume(charges, options)
        await new Promise<void>((resolve) => held.push(resolve))
        return outcomes
      },
    }))
    const deliver = async (): Promise<void> => {
      await settled()
      for (const arrive of held.splice(0)) arrive()
      await settled()
    }
    return { limiter, deliver }
  }

  it('for a slot that is released while the refusal is on its way', async () => {
    const { limiter, deliver } = remote([concurrency({ name: 'slots', limit: 1, ttl: '1h' })])
    const { ended, decisions } = start(limiter, ['a'])
    await deliver()
    const { ended: later } = start(limiter, ['b'])
    await settled()
    void limiter.release(decisions.get('a') as Decision)
    await deliver()
    await deliver()
    expect([ended, later]).toEqual([['a'], ['b']])
  })

  it('and one that comes while a woken one asks is not refused for the wait before', async () => {
    const { limiter, deliver } = remote([concurrency({ name: 'slots', limit: 1, ttl: '1h', retryHint: '1h' })])
    const { ended, decisions } = start(limiter, ['a', 'b'])
    await deliver()
    await deliver()
    void limiter.release(decisions.get('a') as Decision)
    await deliver()
    const { ended: late } = start(limiter, ['c'], () => ({ maxWait: '10s' }))
    await settled()
    await deliver()
    expect([ended, late]).toEqual([['a', 'b'], []])
  })

  it('for the end of a block by hand, and for resetAll', async () => {
    const { limiter } = setUp([fixedWindow({ name: 'day', limit: 1, window: '1d' })])
    void limiter.block('u', '1h')
    const { ended } = start(limiter, ['a', 'b'])
    await settled()
    expect(ended).toEqual([])
    void limiter.unblock('u')
    await settled()
    expect(ended).toEqual(['a'])
    void limiter.resetAll()
    await settled()
    expect(ended).toEqual(['a', 'b'])
  })

  it('for resetAll by another limiter of its name', async () => {
    const store = memoryStore({ clock: fakeClock() })
    const limits = [fixedWindow({ name: 'day', limit: 1, window: '1d' })]
    const make = () => createLimiter({ name: 'api', limits, store, on: { warning: () => undefined } })
    const limiter = make()
    const { ended } = start(limiter, ['a', 'b'])
    await settled()
    void make().resetAll()
    await settled()
    expect(ended).toEqual(['a', 'b'])
  })

  it('not at all in shadow mode, when off, or in an unlimited tier', async () => {
    for (const mode of ['shadow', 'off'] as const) {
      const limiter = createLimiter({ limits: [second], mode, store: memoryStore() })
      for (let i = 0; i < 3; i++) expect(await limiter.wait('u')).toMatchObject({ allowed: true })
    }
    const limiter = createLimiter({ limits: [second], tiers: { free: [] }, store: memoryStore() })
    for (let i = 0; i < 3; i++) expect(await limiter.wait('u', { tier: 'free' })).toMatchObject({ allowed: true })
  })

  it('and is refused at once if its cost never fits', async () => {
    const { limiter } = setUp([second])
    expect(await limiter.wait('u', { cost: 2 })).toMatchObject({ allowed: false, retryAfter: Infinity })
  })

  it('and keeps the process running until then, over a clock without timers too', async () => {
    const setTimer = vi.spyOn(globalThis, 'setTimeout')
    for (const store of [memoryStore(), memoryStore({ clock: { now: () => 1_000 } })]) {
      const limiter = createLimiter({ limits: [second], store })
      void limiter.consume('u')
      const waiting = limiter.wait('u')
      await settled()
      const timer = setTimer.mock.results.at(-1)?.value as NodeJS.Timeout
      expect(timer.hasRef()).toBe(true)
      void limiter.close()
      await expect(waiting).rejects.toThrow('ERR_LIMITER_CLOSED')
    }
    setTimer.mockRestore()
  })
})

describe('M5: maxWait', () => {
  it('refuses at once when the wait would be longer', async () => {
    const { clock, limiter } = setUp([second])
    void limiter.consume('u')
    expect(await limiter.wait('u', { maxWait: 0 })).toMatchObject({ allowed: false, retryAfter: 1_000 })
    expect(await limiter.wait('u', { maxWait: 999 })).toMatchObject({ allowed: false })
    const { ended } = start(limiter, ['a'], () => ({ maxWait: '1s' }))
    await advance(clock, 1_000)
    expect(ended).toEqual(['a'])
    expect(clock.pending).toBe(0)
  })

  it.each([
    ['at once', (store: Store) => store],
    ['later', answeringLater],
  ])('admits a call that has nothing to wait for, however long the store needs to answer (%s)', async (_, wrap) => {
    const clock = fakeClock()
    // As the system's clock, it has moved each time that it is read.
    const store = wrap(memoryStore({ clock: { ...clock, monotonic: () => (clock.advance(1), clock.monotonic()) } }))
    const limiter = createLimiter({ limits: [tokenBucket({ name: 'hour', limit: 1, window: '1h' })], store })
    expect(await limiter.wait('u', { maxWait: 0 })).toMatchObject({ allowed: true, remaining: 0 })
    expect(await limiter.wait('u', { maxWait: 0 })).toMatchObject({ allowed: false })
    expect(await limiter.peek('u')).toMatchObject({ remaining: 0 })
  })

  it('refuses one behind others when its time is over, or when the first alone needs longer', async () => {
    const { clock, limiter } = setUp([second])
    void limiter.consume('u')
    const { ended, decisions } = start(limiter, ['a', 'b', 'c'], (name) => (name === 'a' ? {} : { maxWait: name === 'b' ? 1_500 : 500 }))
    await settled()
    expect(ended).toEqual(['c refused'])
    expect(decisions.get('c')).toMatchObject({ verdict: 'refused', granted: 0, retryAfter: 1_000 })
    await advance(clock, 1_000)
    expect(ended).toEqual(['c refused', 'a', 'b refused'])
    await advance(clock, 5_000)
    expect(clock.pending).toBe(0)
  })
})

describe('M5: an aborted call', () => {
  it('rejects with the reason, takes nothing, and delays nobody', async () => {
    const { clock, limiter } = setUp([second])
    const controller = new AbortController()
    void limiter.consume('u')
    const wave = Array.from({ length: 50 }, (_, i) => `w${i}`)
    const { ended } = start(limiter, [...wave, 'last'], (name) => (name === 'last' ? {} : { signal: controller.signal }))
    await advance(clock, 500)
    controller.abort('enough')
    await settled()
    expect(ended).toEqual(wave.map((name) => `${name} enough`))
    await advance(clock, 500)
    expect(ended.at(-1)).toBe('last')
    await expect(limiter.wait('u', { signal: controller.signal })).rejects.toBe('enough')
    expect(clock.pending).toBe(0)
  })

  it('is not listened for any longer when the call has ended', async () => {
    const { limiter } = setUp([second])
    const { signal } = new AbortController()
    const add = vi.spyOn(signal, 'addEventListener')
    const remove = vi.spyOn(signal, 'removeEventListener')
    await limiter.wait('u', { signal })
    expect([add.mock.calls.length, remove.mock.calls.length]).toEqual([1, 1])
  })

  it('gives its turn in a queue to the next call of the same cost', async () => {
    const { clock, limiter } = setUp([queue])
    // Twenty turns of others.
    for (let i = 0; i < 20; i++) void limiter.consume('u')
    const controller = new AbortController()
    const { ended, decisions } = start(limiter, ['a', 'b', 'c'], (name) => (name === 'a' ? { signal: controller.signal } : {}))
    await advance(clock, 1_900)
    controller.abort('gone')
    await advance(clock, 100)
    expect(ended).toEqual(['a gone', 'b'])
    // The turn has come, so that there is nothing to wait for any more.
    expect(decisions.get('b')).toMatchObject({ delay: 0 })
    await advance(clock, 100)
    expect(ended).toEqual(['a gone', 'b', 'c'])
    expect(limiter.peek('u')).toMatchObject({ delay: 100 })
  })

  it('gives the last turn in a queue back to the store, and a turn that comes too late', async () => {
    const { clock, limiter } = setUp([queue])
    for (let i = 0; i < 20; i++) void limiter.consume('u')
    const controller = new AbortController()
    const { ended } = start(limiter, ['a'], () => ({ signal: controller.signal }))
    await settled()
    expect(limiter.peek('u')).toMatchObject({ delay: 2_100 })
    controller.abort('gone')
    await settled()
    expect(limiter.peek('u')).toMatchObject({ delay: 2_000 })
    expect(await limiter.wait('u', { maxWait: '1s' })).toMatchObject({ allowed: false, retryAfter: 2_000, granted: 0 })
    expect(limiter.peek('u')).toMatchObject({ delay: 2_000 })
    expect([ended, clock.pending]).toEqual([['a gone'], 0])
  })

  it('gives back what the store grants after it was aborted', async () => {
    const answers: (() => void)[] = []
    const { limiter } = setUp([fixedWindow({ name: 'minute', limit: 1, window: '1m' })], (store) => ({
      ...store,
      name: 'remote',
      reset: () => undefined,
      consume: async (charges, options) => {
        const outcomes = await store.consume(charges, options)
        if (options?.how === undefined) await new Promise<void>((resolve) => answers.push(resolve))
        return outcomes
      },
    }))
    const controller = new AbortController()
    const { ended } = start(limiter, ['a'], () => ({ signal: controller.signal }))
    await settled()
    controller.abort('gone')
    answers[0]?.()
    await settled()
    expect([ended, await limiter.peek('u')]).toMatchObject([['a gone'], { remaining: 1 }])
  })
})

describe('M5: too many, closed, and wrong', () => {
  it('refuses the ten thousand and first', async () => {
    const { limiter } = setUp([second])
    void limiter.consume('u')
    const { ended } = start(
      limiter,
      Array.from({ length: 10_001 }, (_, i) => `${i}`),
    )
    await settled()
    expect(ended).toEqual(['10000 ERR_WAITERS_FULL'])
  })

  it('rejects all when the limiter closes', async () => {
    const { clock, limiter } = setUp([second])
    void limiter.consume('u')
    const { ended } = start(limiter, ['a', 'b'])
    void limiter.close()
    await settled()
    expect(ended).toEqual(['a ERR_LIMITER_CLOSED', 'b ERR_LIMITER_CLOSED'])
    await expect(limiter.wait('u')).rejects.toMatchObject({ code: 'ERR_LIMITER_CLOSED' })
    expect(clock.pending).toBe(0)
  })

  it('rejects wrong options and subjects before it waits', async () => {
    const { limiter } = setUp([second])
    const code = (options: unknown, subject: unknown = 'u') =>
      limiter.wait(subject as string, options as object).then(
        () => 'none',
        (error: { code?: string }) => error.code,
      )
    expect(await code({ maxWait: -1 })).toBe('ERR_OPTION_INVALID')
    expect(await code({ maxWait: '1w' })).toBe('ERR_OPTION_INVALID')
    expect(await code({ signal: {} })).toBe('ERR_OPTION_INVALID')
    expect(await code({ signal: null })).toBe('ERR_OPTION_INVALID')
    expect(await code({ timeout: 5 })).toBe('ERR_OPTION_UNKNOWN')
    expect(await code({ cost: -1 })).toBe('ERR_COST_INVALID')
    expect(await code({ cost: 2, atLeast: 3 })).toBe('ERR_COST_INVALID')
    expect(await code(5)).toBe('ERR_COST_INVALID')
    expect(await code({}, '')).toBe('ERR_SUBJECT_INVALID')
  })

  it('passes on what the store throws, to one call at a time', async () => {
    let fails = true
    const { limiter } = setUp([second], (store) => ({
      ...store,
      name: 'remote',
      reset: () => undefined,
      consume: (charges, options) => {
        if (!fails) return store.consume(charges, options)
        fails = false
        throw new Error('gone')
      },
    }))
    const { ended } = start(limiter, ['a', 'b'])
    await settled()
    expect(ended).toEqual(['a Error: gone', 'b'])
  })
})
