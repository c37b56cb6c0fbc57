import { createLimiter, fixedWindow, memoryStore, type Decision, type Store, type StoreEvent } from '@sluice/core'
import { ERRORS_PAGE } from '../src/errors-page.ts'
import { describe, expect, it, vi } from 'vitest'

const START = 1_700_000_000_000
function at(ms: number = START) {
  const clock = { ms, now: () => clock.ms }
  return clock
}
const perMinute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })

describe('observers', () => {
  it('are called with decisions after the request has gone on', async () => {
    const seen: Decision[] = []
    const limiter = createLimiter({
      limits: [perMinute(1)],
      store: memoryStore({ clock: at() }),
      on: { decision: (decision) => void seen.push(decision) },
    })
    const decisions = [limiter.consume('a'), limiter.consume('a')]
    expect(seen).toEqual([])
    await Promise.resolve()
    expect(seen).toEqual(decisions)
  })

  it('may throw: the decision stands, and the error is printed once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const limiter = createLimiter({
      limits: [perMinute(9)],
      on: {
        decision: () => {
          throw new Error('mine')
        },
      },
    })
    for (let i = 0; i < 3; i++) void limiter.consume('a')
    await Promise.resolve()
    expect(warn.mock.calls.flat()).toEqual([expect.stringMatching(/on\.decision threw: Error: mine \(WARN_OBSERVER_FAILED/)])
    warn.mockRestore()
  })

  it('are called with the events of the store until the limiter is closed', () => {
    const listeners = new Set<(event: StoreEvent) => void>()
    const store: Store = {
      name: 'x',
      consume: () => [],
      reset: () => undefined,
      subscribe: (listener) => (listeners.add(listener), () => listeners.delete(listener)),
    }
    const heard: StoreEvent[] = []
    const hear = (event: StoreEvent) => void heard.push(event)
    const limiter = createLimiter({ limits: [perMinute(9)], store, on: { tier: hear, breaker: hear, anomaly: hear } })
    const events: StoreEvent[] = [
      { type: 'tier', from: 'redis', to: 'local' },
      { type: 'breaker', shard: 's', from: 'closed', to: 'open' },
      { type: 'anomaly', code: 'X', message: 'm' },
    ]
    for (const event of events) for (const listener of listeners) listener(event)
    expect(heard).toEqual([...events.slice(0, 2), { type: 'anomaly', code: 'X', message: `m (X, see ${ERRORS_PAGE})` }])
    void limiter.close()
    expect(listeners.size).toBe(0)
  })
})
