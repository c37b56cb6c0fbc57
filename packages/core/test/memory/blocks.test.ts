import { createLimiter, fixedWindow, memoryStore } from '@sluice/core'
import { fakeClock } from '@sluice/testing'
import * as fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { Blocks } from '../../src/memory/blocks.ts'
import { Scopes } from '../../src/memory/scopes.ts'

const limits = [fixedWindow({ name: 'hour', limit: 3, window: '1h' }), fixedWindow({ name: 'day', limit: 30, window: '1d' })]

test.each([
  ['has ended', (_limiter, clock) => clock.advance(1_000)],
  ['was ended by hand', (limiter) => limiter.unblock('a')],
  [
    'was ended by hand beside one that has ended',
    (limiter, clock) => {
      void limiter.block('c', '1h')
      void limiter.unblock('c')
      clock.advance(1_000)
    },
  ],
  ['ended with resetAll', (limiter) => limiter.resetAll()],
] as readonly [string, (limiter: ReturnType<typeof createLimiter>, clock: ReturnType<typeof fakeClock>) => unknown][])(
  'a block that %s costs later decisions nothing',
  (_how, end) => {
    const clock = fakeClock()
    const limiter = createLimiter({ limits, store: memoryStore({ clock }) })
    void limiter.block('a', '1s')
    const looks = vi.spyOn(Blocks.prototype, 'untilOf')
    void limiter.consume('b')
    expect(looks).toHaveBeenCalled()
    void end(limiter, clock)
    void limiter.consume('b')
    looks.mockClear()
    void limiter.consume('b')
    expect(looks).not.toHaveBeenCalled()
    looks.mockRestore()
  },
)

test('while a subject is blocked, the limits of a decision are not looked up again', () => {
  const limiter = createLimiter({ limits, store: memoryStore({ clock: fakeClock() }) })
  void limiter.block('a', '1h')
  void limiter.consume('b')
  const looks = vi.spyOn(Scopes.prototype as unknown as { lookUp: () => unknown }, 'lookUp')
  void limiter.consume('b')
  expect(looks).not.toHaveBeenCalled()
  looks.mockRestore()
})

test('a new block in a full store costs no look at all others', () => {
  const blocks = new Blocks(30_000)
  const policy = new Map()
  for (let i = 0; i < 60_000; i++) blocks.set(policy, `${i}`, 1_000_000 + ((i * 7919) % 60_000), 0)
  expect(blocks.size).toBe(30_000)
})

test('blocks: what a full store forgets is what ends first, and those that have ended are removed', () => {
  const step = fc.record({
    policy: fc.nat(1),
    subject: fc.nat(9),
    ms: fc.nat(20),
    does: fc.constantFrom('set', 'set', 'set', 'delete', 'drop'),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const blocks = new Blocks(5)
      const policies = [new Map<string, number>(), new Map<string, number>()] as const
      const model = new Map<string, number>()
      for (const [now, { policy, subject, ms, does }] of steps.entries()) {
        const chains = policies[policy] as Map<string, number>
        const name = `${policy} ${subject}`
        if (does === 'set') {
          model.delete(name)
          for (const [each, until] of model) if (until <= now * 1_000) model.delete(each)
          // Unique ends, so that it is certain which one is first.
          const until = (now + ms + 1) * 1_000 + now
          const [first] = [...model].toSorted((a, b) => a[1] - b[1])
          if (model.size === 5) model.delete(first?.[0] as string)
          model.set(name, until)
          blocks.set(chains, `${subject}`, until, now * 1_000)
        } else if (does === 'delete') {
          model.delete(name)
          blocks.delete(chains, `${subject}`)
        } else {
          for (const each of model.keys()) if (each.startsWith(`${policy} `)) model.delete(each)
          blocks.deletePolicy(chains)
        }
        expect(blocks.size).toBe(model.size)
        for (const [i, each] of policies.entries())
          for (let j = 0; j < 10; j++) expect(blocks.untilOf(each, `${j}`)).toBe(model.get(`${i} ${j}`) ?? 0)
      }
    }),
  )
})
