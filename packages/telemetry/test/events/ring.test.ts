import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ring } from '../../src/events/ring.ts'

const step = fc.oneof(
  fc.record({ type: fc.constant('push' as const), count: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ type: fc.constant('take' as const), count: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ type: fc.constant('putBack' as const), count: fc.constant(0) }),
)

test('a ring is a list of which the oldest are dropped', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 60 }), (capacity, steps) => {
      const ring = new Ring<number>(capacity)
      let model: number[] = []
      let taken: number[] = []
      let next = 0
      for (const { type, count } of steps) {
        const [is, was]: [unknown[], unknown[]] = [[], []]
        if (type === 'take') {
          taken = ring.take(count)
          is.push(taken)
          was.push(model.slice(0, count))
          model = model.slice(count)
        } else if (type === 'putBack') {
          const all = [...taken, ...model]
          model = all.slice(Math.max(0, all.length - capacity))
          is.push(ring.putBack(taken))
          was.push(all.length - model.length)
          taken = []
        } else {
          for (let i = 0; i < count; i++) {
            is.push(ring.push(next))
            was.push(model.length === capacity)
            model = [...model, next++].slice(-capacity)
          }
        }
        expect(is).toEqual(was)
        expect(ring.size).toBe(model.length)
      }
      expect(ring.take(Infinity)).toEqual(model)
    }),
  )
})
