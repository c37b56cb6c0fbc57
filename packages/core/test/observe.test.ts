import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  concurrency,
  createLimiter,
  type Decision,
  type DecisionFacts,
  fixedWindow,
  memoryStore,
  observe,
  type ObservedLimiter,
  type ProcessObservers,
  slidingWindow,
  type Store,
  type StoreEvent,
} from '@sluice/core'
import { areCommandsHeard, beginCommand } from '@sluice/core/store-kit'
import { waitUntil } from '@sluice/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ERRORS_PAGE } from '../src/errors-page.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})
function observing(observers: ProcessObservers): () => void {
  const stop = observe(observers)
  stops.push(stop)
  return stop
}

let made = 0
const perMinute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const limiterOf = (limit = 9, store?: Store) => createLimiter({ name: `l${++made}`, limits: [perMinute(limit)], store })
/** A store that fails while `error` is set. */
function failing() {
  const state = { error: undefined as Error | undefined }
  const { consume, ...store } = memoryStore()
  const own: Store = {
    ...store,
    name: 'mine',
    reset: () => false,
    consume(charges, options) {
      if (state.error !== undefined) throw state.error
      return consume.call(inner, charges, options)
    },
  }
  const inner = memoryStore()
  return { store: own, state }
}

describe('observe: decisions', () => {
  it('come from every limiter, made before and after, in a microtask', async () => {
    const before = limiterOf()
    const heard: [Decision, DecisionFacts][] = []
    observing({ decision: (...given) => void heard.push(given) })
    const decisions = [before.consume('a'), limiterOf(1).consume('b')]
    expect(heard).toEqual([])
    await Promise.resolve()
    expect(heard.map(([decision]) => decision)).toEqual(decisions)
    expect(heard[0]?.[0]).toBe(decisions[0])
  })

  it('have facts: what was asked, and how long it took', async () => {
    const heard: DecisionFacts[] = []
    const limiter = createLimiter({ limits: [perMinute(9)], on: { decision: (_, facts) => void heard.push(facts) } })
    await limiter.consume('a')
    await limiter.peek('a')
    await limiter.penalize('a')
    await limiter.credit('a')
    await limiter.wait('a')
    expect(heard.map(({ how }) => how)).toEqual(['charge', 'peek', 'force', 'credit', 'charge'])
    for (const { latency, ...rest } of heard) {
      expect(latency).toBeGreaterThan(0)
      expect(latency).toBeLessThan(100_000)
      expect(rest).toEqual({ how: rest.how, route: undefined, method: undefined, tenant: undefined })
    }
  })

  it('have the latency of a store that answers later, in µs', async () => {
    const heard: DecisionFacts[] = []
    observing({ decision: (_, facts) => void heard.push(facts) })
    const inner = memoryStore()
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1_000)
    const store: Store = {
      name: 'slow',
      reset: () => false,
      async consume(charges, options) {
        await Promise.resolve()
        clock.mockReturnValue(1_030.25)
        return inner.consume(charges, options)
      },
    }
    await limiterOf(9, store).consume('a')
    clock.mockRestore()
    expect(heard[0]?.latency).toBe(30_250)
  })

  it('are heard by the observer of a limiter and by those of the process', async () => {
    const heard: string[] = []
    observing({ decision: () => void heard.push('first') })
    observing({ decision: () => void heard.push('second') })
    const limiter = createLimiter({ limits: [perMinute(9)], on: { decision: () => void heard.push('own') } })
    await limiter.consume('a')
    expect(heard).toEqual(['own', 'first', 'second'])
  })

  it('are not heard after the observer is detached, which may be done twice and while others are called', async () => {
    const heard: string[] = []
    const stops: (() => void)[] = []
    observing({
      decision() {
        heard.push('first')
        stops[0]?.()
        observing({ decision: () => void heard.push('added') })
      },
    })
    stops.push(observing({ decision: () => void heard.push('second') }))
    const limiter = limiterOf()
    await limiter.consume('a')
    expect(heard, 'the second was detached, and what was added hears what comes later').toEqual(['first'])
    for (const stop of stops) stop()
    await limiter.consume('a')
    expect(heard).toEqual(['first', 'first', 'added'])
  })

  it('a detached observer does not detach an equal one', async () => {
    const observers = { decision: vi.fn<() => void>() }
    const first = observing(observers)
    observing(observers)
    first()
    first()
    await limiterOf().consume('a')
    expect(observers.decision).toHaveBeenCalledTimes(1)
  })

  it('an observer that throws does no harm, and its error is printed once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const heard: string[] = []
    const fail = () => {
      throw new Error('mine')
    }
    observing({ decision: fail, refusal: fail, limiter: fail, warning: fail })
    observing({ decision: () => void heard.push('other') })
    const limiter = limiterOf(1)
    for (let i = 0; i < 3; i++) await limiter.consume('a')
    expect(heard).toEqual(['other', 'other', 'other'])
    expect(warn.mock.calls.flat()).toEqual(
      ['limiter', 'decision', 'refusal'].map(
        (name) => `sluice: observe: ${name} threw: Error: mine (WARN_OBSERVER_FAILED, see ${ERRORS_PAGE})`,
      ),
    )
    warn.mockRestore()
  })

  it('a decision that began before the observer came is not heard', async () => {
    const heard: Decision[] = []
    let answer = (): void => undefined
    const inner = memoryStore()
    const store: Store = {
      name: 'slow',
      reset: () => false,
      consume: (charges) => new Promise((resolve) => (answer = () => resolve(inner.consume(charges)))),
    }
    const decision = limiterOf(9, store).consume('a')
    observing({ decision: (each) => void heard.push(each) })
    answer()
    await decision
    await Promise.resolve()
    expect(heard).toEqual([])
  })

  it('cost nothing while nobody listens: no facts, and no look at a clock', async () => {
    const clock = vi.spyOn(performance, 'now')
    const limiter = limiterOf()
    await limiter.consume('a')
    expect(clock).not.toHaveBeenCalled()
    const stop = observing({ decision: () => undefined })
    await limiter.consume('a')
    expect(clock).toHaveBeenCalledTimes(2)
    stop()
    await limiter.consume('a')
    expect(clock).toHaveBeenCalledTimes(2)
    clock.mockRestore()
  })

  it('refuses what is no observer', () => {
    expect(() => observe({ decision: 1 } as never)).toThrow('observe: decision: expected a function, got 1')
    expect(() => observe({ decisions: () => undefined } as never)).toThrow('ERR_OPTION_UNKNOWN')
  })
})

describe('observe: refusals', () => {
  it('are heard at once, in the async context of the call', async () => {
    const storage = new AsyncLocalStorage<string>()
    const heard: string[] = []
    observing({ refusal: ({ verdict }, { how }) => void heard.push(`${storage.getStore()} ${verdict} ${how}`) })
    const inner = memoryStore()
    const later: Store = { name: 'later', reset: () => false, consume: async (...given) => turn().then(() => inner.consume(...given)) }
    const [now, slow] = [limiterOf(1), limiterOf(1, later)]
    void storage.run('first', () => now.consume('a'))
    void storage.run('second', () => now.consume('a'))
    expect(heard).toEqual(['second refused charge'])
    const first = storage.run('third', () => slow.consume('a'))
    await first
    await storage.run('fourth', () => slow.consume('a'))
    expect(heard).toEqual(['second refused charge', 'fourth refused charge'])
  })

  it('are also decisions that the store did not make, and those in shadow; not peeks', async () => {
    const heard: string[] = []
    observing({ refusal: ({ mode, verdict, source }) => void heard.push(`${mode} ${verdict} ${source}`) })
    for (const failMode of ['local', 'open', 'closed'] as const) {
      const { store, state } = failing()
      const limiter = createLimiter({ name: `f${++made}`, limits: [perMinute(1)], store, failMode, on: { warning: () => undefined } })
      await limiter.consume('a')
      state.error = new Error('away')
      await limiter.consume('b')
    }
    expect(heard).toEqual(['enforce allowed local', 'enforce allowed open', 'enforce unavailable closed'])
    heard.length = 0
    const shadow = createLimiter({ name: 'shadow', mode: 'shadow', limits: [perMinute(1)] })
    for (const _ of [1, 2]) await shadow.consume('a')
    await shadow.peek('a')
    expect(heard).toEqual(['shadow refused memory'])
  })
})

describe('observe: events', () => {
  function eventful(name = 'mine') {
    const listeners = new Set<(event: StoreEvent) => void>()
    const store: Store = {
      name,
      consume: () => [],
      reset: () => undefined,
      subscribe: (listener) => (listeners.add(listener), () => listeners.delete(listener)),
    }
    return { store, emit: (event: StoreEvent) => listeners.forEach((listener) => listener(event)) }
  }

  it('of a store come once, with its name, however many limiters it has', () => {
    const heard: object[] = []
    const hear = (event: object) => void heard.push(event)
    observing({ tier: hear, breaker: hear, anomaly: hear, warning: hear })
    const { store, emit } = eventful()
    const on = { warning: () => undefined }
    for (const name of ['one', 'two']) createLimiter({ name, limits: [perMinute(9)], store, on, failMode: 'open' })
    emit({ type: 'tier', from: 'mine', to: 'local' })
    emit({ type: 'breaker', shard: 's', from: 'closed', to: 'open' })
    emit({ type: 'anomaly', code: 'X', message: 'm' })
    emit({ type: 'warning', code: 'Y', message: 'n' })
    emit({ type: 'generation', limiter: 'one' })
    expect(heard).toEqual([
      { type: 'tier', from: 'mine', to: 'local', store: 'mine' },
      { type: 'breaker', shard: 's', from: 'closed', to: 'open', store: 'mine' },
      { type: 'anomaly', code: 'X', message: `m (X, see ${ERRORS_PAGE})`, store: 'mine' },
      { type: 'warning', code: 'Y', message: `n (Y, see ${ERRORS_PAGE})`, store: 'mine' },
    ])
  })

  it('of a limiter have its name, and warnings are still printed', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const heard: object[] = []
    observing({ warning: (event) => void heard.push(event) })
    const store = memoryStore()
    for (const _ of [1, 2]) createLimiter({ name: 'twice', limits: [perMinute(9)], store })
    expect(heard).toEqual([
      { type: 'warning', code: 'WARN_NAME_SHARED', limiter: 'twice', message: expect.stringContaining('limiter "twice": two limiters') },
    ])
    expect(warn).toHaveBeenCalledTimes(1)
    warn.mockRestore()
  })

  it('of a fallback without failover have the name of the store', async () => {
    const heard: object[] = []
    observing({ tier: (event) => void heard.push(event) })
    const { store, state } = failing()
    const limiter = createLimiter({ name: 'fallback', limits: [perMinute(9)], store, failMode: 'open', on: { warning: () => undefined } })
    state.error = new Error('away')
    await limiter.consume('a')
    expect(heard).toEqual([{ type: 'tier', from: 'mine', to: 'open', store: 'mine', cause: expect.stringContaining('away') }])
  })

  it('of commands are made only if somebody listens', async () => {
    expect(beginCommand('mine', 's', 3)).toBeUndefined()
    expect(areCommandsHeard()).toBe(false)
    const heard: object[] = []
    const stop = observing({ command: (event) => void heard.push(event) })
    expect(areCommandsHeard()).toBe(true)
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1_000)
    const ended = beginCommand('mine', 's', 3)
    clock.mockReturnValue(1_005.5)
    ended?.(true)
    ended?.(false)
    clock.mockRestore()
    expect(heard).toEqual([{ type: 'command', store: 'mine', shard: 's', decisions: 3, milliseconds: 5.5, ok: true }])
    stop()
    expect(beginCommand('mine', 's', 3)).toBeUndefined()
  })
})

describe('observe: limiters', () => {
  it('are shown with their limits: those that exist, those made later, and again when they change', () => {
    const shown: ObservedLimiter[] = []
    const limiter = createLimiter({
      name: 'tiers',
      limits: [perMinute(5), concurrency({ name: 'slots', limit: 2, ttl: '1m' })],
      tiers: {
        free: [perMinute(9)],
        any: [slidingWindow({ name: 'own', limit: () => 3, window: '1m', defaults: { limit: 1 } })],
        none: [],
      },
      mode: 'shadow',
    })
    observing({ limiter: (each) => void shown.push(each) })
    const [own] = shown.filter(({ name }) => name === 'tiers')
    const common = { policy: 'tiers', mode: 'shadow' }
    expect(own?.limits()).toEqual([
      { ...common, limit: 'minute', tier: undefined, units: 5 },
      { ...common, limit: 'slots', tier: undefined, units: 2 },
      { ...common, limit: 'minute', tier: 'free', units: 9 },
      { ...common, limit: 'own', tier: 'any', units: undefined },
    ])
    expect(own?.health()).toEqual({ tier: 'memory', breaker: 'closed' })
    const count = shown.length
    const later = createLimiter({ name: 'later', limits: [perMinute(1)] })
    expect(shown.slice(count).map(({ name }) => name)).toEqual(['later'])
    void later.close()
    void limiter.close()
    expect([own?.limits(), own?.health()]).toEqual([[], undefined])
    const again: string[] = []
    observing({ limiter: ({ name }) => void again.push(name) })
    expect(again).not.toContain('tiers')
  })

  it('are freed while they are observed', async () => {
    const shown: ObservedLimiter[] = []
    observing({ limiter: (each) => void shown.push(each), decision: () => undefined })
    const make = (): void => void createLimiter({ name: 'freed', limits: [perMinute(1)] }).consume('a')
    make()
    const [own] = shown.filter(({ name }) => name === 'freed')
    expect(own?.limits()).toHaveLength(1)
    await waitUntil('the limiter to be freed', () => {
      collect()
      return own?.health() === undefined
    })
    expect(own?.limits()).toEqual([])
    await waitUntil('new observers not to be shown it', () => {
      const again: string[] = []
      observe({ limiter: ({ name }) => void again.push(name) })()
      return !again.includes('freed')
    })
  })
})
