// One run, which both bindings measure: limits, tiers, refusals, shadow, penalties, a store that is away, warnings.
import { createLimiter, fixedWindow, type Limiter, memoryStore, type Outcome, type Store } from '@sluice/core'
import { beginCommand } from '@sluice/core/store-kit'
import { fakeClock, type FakeClock } from '@sluice/testing'
import type { MetricSources } from '@sluice/telemetry/prometheus'
import { MeterProvider, MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics'

/** Nobody may find these in any metric. */
export const SECRETS = ['user:4711', '203.0.113.7', '2001:db8::1', '/private/path']

export interface Run {
  readonly clock: FakeClock
  readonly limiters: readonly Limiter[]
}

/** What the store knows of other regions. */
const regions = {
  id: 'fragile',
  self: 'eu',
  peers: { us: { heardAt: 5, lag: 150, silent: false } },
  unpublished: 3,
  sent: 10,
  applied: 9,
  late: 2,
  over: 40,
  forgiven: 1,
  transfers: 2,
} as const

/** A memory store that is away from time to time, and whose breaker and commands are heard. */
export function fragile(clock: FakeClock): Store & { isAway: boolean; emit(event: object): void } {
  const inner = memoryStore({ clock })
  const listeners = new Set<(event: never) => void>()
  return {
    name: 'fragile',
    clock,
    isAway: false,
    consume(charges, options) {
      const ended = beginCommand('fragile', 's1', 1)
      ended?.(!this.isAway)
      if (this.isAway) throw Object.assign(new Error('away'), { code: 'ERR_STORE_AWAY' })
      const outcomes = inner.consume(charges, options) as readonly (Outcome | undefined)[]
      return outcomes.map((outcome) => outcome && { ...outcome, source: 'fragile' })
    },
    reset: (targets) => inner.reset(targets),
    health: () => ({ tier: 'fragile', breaker: 'closed', instances: 3, leased: 12, regions }),
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    emit(event) {
      for (const listener of listeners) listener(event as never)
    },
  }
}

/** Waits for the microtasks in which observers hear of decisions. */
export const heard = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Makes limiters, lets them decide, and returns when all of it was heard. */
export async function scriptedRun(): Promise<Run> {
  const clock = fakeClock()
  const store = fragile(clock)
  const quiet = { warning: () => undefined }
  const api = createLimiter({
    name: 'api',
    store,
    failMode: 'open',
    on: quiet,
    tiers: {
      free: [fixedWindow({ name: 'minute', limit: 3, window: '1m' }), fixedWindow({ name: 'day', limit: 100, window: '1d' })],
      pro: [fixedWindow({ name: 'minute', limit: 1_000, window: '1m' })],
    },
  })
  const trial = createLimiter({
    name: 'trial',
    mode: 'shadow',
    store: memoryStore({ clock }),
    on: quiet,
    limits: [fixedWindow({ name: 'minute', limit: 1, window: '1m' })],
  })
  for (let i = 0; i < 5; i += 1) await api.consume('user:4711', { tier: 'free' })
  await api.consume('203.0.113.7', { tier: 'pro', cost: 7 })
  await api.peek('2001:db8::1', { tier: 'pro' })
  await api.penalize('2001:db8::1', { tier: 'pro', cost: 20 })
  for (let i = 0; i < 3; i += 1) await trial.consume('/private/path')
  store.isAway = true
  await api.consume('user:4711', { tier: 'free' })
  store.isAway = false
  const shard = 's1'
  store.emit({ type: 'breaker', shard, from: 'closed', to: 'open' })
  store.emit({ type: 'breaker', shard, from: 'open', to: 'half-open' })
  store.emit({ type: 'breaker', shard, from: 'half-open', to: 'closed' })
  store.emit({ type: 'anomaly', code: 'ANOMALY_VERDICT', message: 'of user:4711' })
  await heard()
  return { clock, limiters: [api, trial] as unknown as readonly Limiter[] }
}

/** Parts that are read when metrics are collected. */
export const parts: MetricSources = {
  feeds: [
    {
      health: () => ({
        namespaces: [{ namespace: 'shop', revision: 7, confirmedAt: Date.now() - 5_000 }],
        loads: { accepted: 2, confirmed: 9, stale: 0, fork: 0, invalid: 1, held: 0 },
      }),
    },
  ],
  clients: [{ health: () => ({ hits: 90, stale: 5, misses: 6 }) }],
  blockLists: [
    {
      health: () => ({
        active: { refuse: 4, drop: 0, shadow: 1 },
        changes: [{ rule: 'default', action: 'block', count: 5 }],
      }),
    },
  ],
  events: [{ dropped: () => ({ overflow: 3, rejected: 0 }) }],
}

/** The real SDK, collected by hand. */
export function openTelemetry() {
  class Reader extends MetricReader {
    protected override onShutdown(): Promise<void> {
      return Promise.resolve()
    }
    protected override onForceFlush(): Promise<void> {
      return Promise.resolve()
    }
  }
  const reader = new Reader()
  const provider = new MeterProvider({ readers: [reader] })
  const collect = async (): Promise<ResourceMetrics> => {
    const { resourceMetrics, errors } = await reader.collect()
    if (errors.length > 0) throw new AggregateError(errors)
    return resourceMetrics
  }
  return { meter: provider.getMeter('sluice'), collect, shutdown: () => provider.shutdown() }
}
