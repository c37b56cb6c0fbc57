import { describe } from 'vitest'
import { type StoreUnderTest, suiteOf } from './suite.ts'
import { changes } from './limit-changes.ts'
import { contract } from './contract.ts'
import { givingBack } from './refunds.ts'
import { holders } from './concurrency.ts'
import { subjects } from './subjects.ts'
import { time } from './time.ts'
import { together } from './all-or-nothing.ts'
import { traps } from './traps.ts'

/** Registers the tests of the store contract, one by one, for every algorithm: law 4, one law for every store. */
export function storeConformance(name: string, under: StoreUnderTest): void {
  describe(`${name}: the store contract`, () => {
    const suite = suiteOf(under)
    describe('an outcome', () => contract(suite))
    describe('all or nothing', () => together(suite))
    describe('giving back', () => givingBack(suite))
    describe('holders', () => holders(suite))
    describe('subjects and scopes', () => subjects(suite))
    describe('limits that change, force and debt', () => changes(suite))
    describe('time', () => time(suite))
    describe('traps', () => traps(suite))
  })
}
