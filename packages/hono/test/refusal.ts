import { type Code, isSluiceError } from '../src/index.ts'

/** What untyped code is told: a configuration file, the environment. */
export function refusalOf(make: () => unknown): readonly [Code, string] {
  try {
    make()
  } catch (error) {
    if (isSluiceError(error)) return [error.code, error.message]
    throw error
  }
  throw new Error('expected a refusal')
}
