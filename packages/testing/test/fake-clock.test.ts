import { expect, test } from 'vitest'
import { fakeClock } from '../src/fake-clock.ts'

test('time moves only by advance() and set(), and fractions of a ms add up', () => {
  const clock = fakeClock(1_000)
  expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0])
  for (let i = 0; i < 1_000; i++) clock.advance(0.1)
  expect([clock.now(), clock.monotonic()]).toEqual([1_100, 100])
})

test('now() may step back, monotonic() never does', () => {
  const clock = fakeClock(1_000)
  clock.advance(-300)
  expect([clock.now(), clock.monotonic()]).toEqual([700, 0])
  clock.set(500)
  clock.set(600)
  expect([clock.now(), clock.monotonic()]).toEqual([600, 100])
})

test('timers run once, in the order of their due times, and see their due time on the clock', () => {
  const clock = fakeClock(0)
  const ran: (string | number)[] = []
  const at = (name: string) => () => ran.push(name, clock.now())
  clock.after(30, at('c'))
  clock.after(10, () => {
    ran.push('a', clock.now())
    clock.after(5, at('b'))
  })
  const cancel = clock.after(20, at('never'))
  clock.after(99, at('later'))
  cancel()
  clock.advance(-1_000)
  clock.advance(1_030)
  expect(ran).toEqual(['a', -990, 'b', -985, 'c', -970, 'later', -901])
  expect(clock.pending).toBe(0)
})
