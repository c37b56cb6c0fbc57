import { type Code, isSluiceError } from '../src/index.ts'

/** The code and the message of the error that `create` throws. */
export function thrownBy(create: () => unknown): readonly [Code, string] {
  try {
    create()
  } catch (error) {
    if (isSluiceError(error)) return [error.code, error.message]
    throw error
  }
  throw new Error('expected an error, got none')
}
