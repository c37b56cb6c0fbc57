// What layers do for no request, in a process and in a runtime that ends timers with their request.
import { Background } from '../../src/layers/background.ts'
import { type FakeClock, fakeClock } from '@sluice/testing'
import { describe, expect, test } from 'vitest'

/** A runtime of requests: a timer fires only while its request lives, and `waitUntil` keeps the request that is running. */
function requestRuntime(clock: FakeClock) {
  let current = { ended: false, kept: 0 }
  const after = (ms: number, run: () => void) => {
    const own = current
    return clock.after(ms, () => {
      if (!own.ended || own.kept > 0) run()
    })
  }
  const waitUntil = (work: Promise<unknown>) => {
    const own = current
    own.kept += 1
    void work.finally(() => (own.kept -= 1))
  }
  const request = (run: () => unknown) => {
    current = { ended: false, kept: 0 }
    run()
    current.ended = true
    return current
  }
  return { clock: { ...clock, now: clock.now, monotonic: clock.monotonic, after }, waitUntil, request }
}

describe('in a process', () => {
  test('a timer runs once, unless it is cancelled or set again', () => {
    const clock = fakeClock()
    const background = new Background(clock, undefined)
    const ran: string[] = []
    background.set(10, () => ran.push('first'))
    background.set(20, () => ran.push('second'))
    clock.advance(100)
    background.set(10, () => ran.push('third'))
    background.cancel()
    clock.advance(100)
    void background.poll()
    expect(ran).toEqual(['second'])
  })
})

describe('in a runtime that ends timers with their request', () => {
  const setUp = () => {
    const clock = fakeClock()
    const runtime = requestRuntime(clock)
    return { ...runtime, background: new Background(runtime.clock, runtime.waitUntil), fake: clock }
  }

  test('the first request after the time runs it, once', () => {
    const { background, request, fake } = setUp()
    let ran = 0
    request(() => background.set(10, () => (ran += 1)))
    fake.advance(9)
    request(() => background.poll())
    expect(ran).toBe(0)
    fake.advance(1_000)
    expect(ran).toBe(0)
    request(() => background.poll())
    request(() => background.poll())
    expect(ran).toBe(1)
  })

  test('a timer that may run alone is kept by its request, and runs if no request comes', () => {
    const { background, request, fake } = setUp()
    let ran = 0
    request(() => background.set(10, () => (ran += 1), true))
    fake.advance(15)
    expect(ran).toBe(1)
    request(() => background.poll())
    expect(ran).toBe(1)
  })

  test('a timer that may run alone runs once if a request comes first, which keeps the next one', async () => {
    const { background, request, fake } = setUp()
    const ran: string[] = []
    const again = () => {
      ran.push('checked')
      if (ran.length < 3) background.set(10, again.bind(undefined), true)
    }
    const first = request(() => background.set(10, again.bind(undefined), true))
    fake.advance(12)
    request(() => background.poll())
    expect(ran).toHaveLength(1)
    fake.advance(5)
    await Promise.resolve()
    await Promise.resolve()
    expect([ran.length, first.kept]).toEqual([1, 0])
    fake.advance(100)
    expect(ran).toHaveLength(3)
  })

  test('work of a poll is kept', () => {
    const { background, request, fake } = setUp()
    request(() => background.set(10, () => new Promise(() => undefined)))
    fake.advance(10)
    expect(request(() => background.poll()).kept).toBe(1)
  })

  test('a clock that was set back does not hold work back', () => {
    const { request, fake } = setUp()
    let ran = 0
    fake.advance(60_000)
    const wall = { ...fake, now: fake.now, after: fake.after, monotonic: () => fake.now() }
    const late = new Background(wall, () => undefined)
    request(() => late.set(10, () => (ran += 1)))
    fake.advance(-5_000)
    void late.poll()
    expect(ran).toBe(1)
  })
})
