import { describe } from 'vitest'
import { allOrNothing } from './all-or-nothing.ts'
import { blocks } from './blocks.ts'
import { credits } from './credits.ts'
import { concurrencyHolders } from './concurrency.ts'
import { delays } from './delays.ts'
import { limitChanges } from './limit-changes.ts'
import { outcomes } from './outcomes.ts'
import { refunds } from './refunds.ts'
import { resets } from './resets.ts'
import { subjects } from './subjects.ts'
import { type StoreUnderTest, suiteOf } from './suite.ts'
import { time } from './time.ts'
import { traps } from './traps.ts'

/**
 * Registers the tests of the store contract as Vitest tests, for every algorithm. Call it at the top level of a test file. A
 * store that passes can be used wherever a `Store` is expected. `modelProperty()` then tests it with random histories.
 *
 * @param name title of the tests, such as `redisStore, standalone`
 * @param under how to create and close the store
 *
 * @example
 * ```ts
 * import { memoryStore } from '@sluice/core'
 * import { modelProperty, storeConformance } from '@sluice/testing'
 *
 * storeConformance('memoryStore', { make: (clock) => memoryStore({ clock }) })
 * modelProperty('memoryStore', (clock) => memoryStore({ clock }))
 * ```
 */
export function storeConformance(name: string, under: StoreUnderTest): void {
  describe(`${name}: the store contract`, () => {
    const suite = suiteOf(under)
    describe('outcomes', () => outcomes(suite))
    describe('all or nothing', () => allOrNothing(suite))
    describe('refunds', () => refunds(suite))
    describe('credits', () => credits(suite))
    describe('concurrency holders', () => concurrencyHolders(suite))
    describe('subjects and scopes', () => subjects(suite))
    describe('resets', () => resets(suite, under.resetsAll))
    describe('changed limits, forced charges and debt', () => limitChanges(suite))
    describe('blocks', () => blocks(suite))
    describe('growing delays', () => delays(suite))
    describe('time', () => time(suite))
    describe('traps', () => traps(suite))
  })
}
