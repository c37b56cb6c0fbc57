import { describe } from 'vitest'
import { type StoreUnderTest, suiteOf } from './conformance/bench.ts'
import { changes } from './conformance/changes.ts'
import { contract } from './conformance/contract.ts'
import { givingBack } from './conformance/giving-back.ts'
import { holders } from './conformance/holders.ts'
import { subjects } from './conformance/subjects.ts'
import { time } from './conformance/time.ts'
import { together } from './conformance/together.ts'
import { traps } from './conformance/traps.ts'

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
