// Random calls of a limiter, and random charges of a store.
import { type Charge, createLimiter, memoryStore, type Outcome, type Store } from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { garbage, optionsOf, text } from './inputs.ts'
import { checkRefusal, fuzz, refusableLater, type Verdict } from './runner.ts'
import { accepted, checkOutcome } from './targets.ts'

export function calls(): void {
  describe('calls', () => {
    const requestOptions = fc.option(
      optionsOf({
        cost: fc.oneof(
          fc.integer({ min: 0, max: 4 }),
          fc.dictionary(fc.constantFrom('sliding', 'log', 'x', '__proto__'), garbage),
          garbage,
        ),
        tier: text,
      }),
      { nil: undefined },
    )
    const subjects = fc.oneof(
      { weight: 4, arbitrary: text },
      fc.dictionary(fc.constantFrom(...accepted.map(({ name }) => name), 'toString'), text),
      garbage,
    )
    const limiter = createLimiter({ limits: accepted.map((limit) => ({ limit })), on: { warning: () => undefined } })

    test('subjects and costs through every method', { timeout: 120_000 }, () =>
      fuzz(
        'methods',
        7_000,
        fc.tuple(subjects, requestOptions, garbage, fc.constantFrom('consume', 'peek', 'penalize')),
        async ([subject, options, actual, method]) =>
          refusableLater(async () => {
            const decision = await limiter[method](subject as never, options)
            decision.outcomes.forEach((outcome, i) => checkOutcome((decision.charges[i] as Charge).limit, { outcomes: [outcome] }))
            await refusableLater(() => limiter.settle(decision, actual as never))
            await limiter.renew(decision)
            await limiter.release(decision)
            await limiter.refund(decision)
            await refusableLater(() => limiter.settle(actual as never, 1))
            await limiter.reset(subject as never)
          }),
      ),
    )

    test('charges and receipts of the memory store', { timeout: 120_000 }, () => {
      const store = memoryStore({ maxSubjects: 200 })
      return fuzz('charges', 14_000, charges, ([list, options]) => consumes(store, list, options))
    })
  })
}

const receipts = fc.oneof(
  fc.constant(undefined),
  fc.integer(),
  text,
  fc.double(),
  fc.constantFrom('0:1', '1:1:1', '1700000000000:1', '-1', '1e400', '{}', '9'.repeat(400)),
)
export const charges = fc.tuple(
  fc.array(
    fc.record({
      limit: fc.constantFrom(...accepted),
      subject: fc.oneof({ weight: 3, arbitrary: fc.constantFrom('a', 'b', 'c') }, text),
      cost: fc.oneof(
        { weight: 5, arbitrary: fc.integer({ min: -3, max: 4 }) },
        fc.constantFrom(2 ** 40, -(2 ** 40), Number.MAX_SAFE_INTEGER),
      ),
      receipt: receipts,
    }),
    { maxLength: 4 },
  ),
  fc.record({ how: fc.constantFrom('charge', 'force', 'peek'), atLeast: fc.constantFrom(0, 1, 2) }, { requiredKeys: [] }),
)

/** As the engine makes charges: the scope contains the limit, and concurrency takes one unit. */
function asEngine(charge: Charge): Charge {
  const { algorithm, name } = charge.limit
  return { ...charge, scope: `p+${name}.${algorithm}`, cost: algorithm === 'concurrency' ? Math.sign(charge.cost) : charge.cost }
}

export function consumes(store: Store, list: readonly unknown[], options: object): Verdict | Promise<Verdict> {
  const given = (list as Charge[]).map(asEngine)
  const check = (outcomes: readonly (Outcome | undefined)[]): void =>
    outcomes.forEach((outcome, i) => checkOutcome((given[i] as Charge).limit, { outcomes: [outcome] }))
  try {
    const outcomes = store.consume(given, options)
    if (isPromise(outcomes)) return refusableLater(() => outcomes.then(check))
    check(outcomes)
    return 'worked'
  } catch (error) {
    checkRefusal(error)
    return 'refused'
  }
}
