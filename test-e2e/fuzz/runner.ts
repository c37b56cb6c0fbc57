// Runs a property over many random inputs, and says what no property has to: nothing crashed, hung or polluted a prototype.
import { isSluiceError } from '@sluice/core'
import { ALL_CODES } from '../support/codes.ts'
import fc from 'fast-check'
import { expect } from 'vitest'

/** SLUICE_SEED runs a failure again; SLUICE_FUZZ is steps per algorithm elsewhere, and here the share of what runs by default. */
export const seed: number = numberOf('SLUICE_SEED') ?? Math.floor(Math.random() * 2 ** 31)
const scale = (numberOf('SLUICE_FUZZ') ?? 10_000) / 10_000
/** ms for one input: far above what any takes on a machine that is busy, far below what a runaway expression takes. */
const HANGS = 3_000

export interface Tally {
  /** What was tried, and how many of it worked. */
  readonly rows: Record<string, { inputs: number; worked: number; refused: number }>
}
export const tally: Tally = { rows: {} }

/** What a property says of an input: it worked, or it was refused as it should be. */
export type Verdict = 'worked' | 'refused'

export async function fuzz<T>(
  what: string,
  count: number,
  inputs: fc.Arbitrary<T>,
  property: (input: T) => Verdict | Promise<Verdict>,
  { shrinks = true }: { readonly shrinks?: boolean } = {},
): Promise<void> {
  const row = (tally.rows[what] = { inputs: 0, worked: 0, refused: 0 })
  const before = prototypes()
  const wanted = Math.ceil(count * scale)
  const checked = fc.asyncProperty(inputs, async (input) => {
    row.inputs += 1
    const start = performance.now()
    const verdict = await property(input)
    const took = performance.now() - start
    if (took > HANGS) throw new Error(`one input took ${took.toFixed(0)} ms`)
    row[verdict] += 1
  })
  await fc.assert(checked, { numRuns: wanted, seed, endOnFailure: !shrinks })
  expect(prototypes()).toEqual(before)
  expect(row.inputs).toBeGreaterThanOrEqual(wanted)
}

/** Runs it, and takes a SluiceError of a known code for a refusal; anything else is a crash. */
export function refusable(run: () => unknown): Verdict {
  try {
    run()
    return 'worked'
  } catch (error) {
    checkRefusal(error)
    return 'refused'
  }
}

export async function refusableLater(run: () => unknown): Promise<Verdict> {
  try {
    await run()
    return 'worked'
  } catch (error) {
    checkRefusal(error)
    return 'refused'
  }
}

/** A refusal has a code of the closed set, and a message that is one short printable line. */
export function checkRefusal(error: unknown): void {
  if (!isSluiceError(error)) throw error
  if (!ALL_CODES.includes(error.code)) throw new Error(`unknown code ${error.code}`, { cause: error })
  // eslint-disable-next-line no-control-regex
  if (/[\0-\x1f\x7f]/.test(error.message) || error.message.length > 600) throw new Error('not a short line', { cause: error })
}

/** Lines of a response that no client could forge a header with. */
export function checkHeaders(headers: readonly (readonly [string, string])[]): void {
  for (const [name, value] of headers) {
    if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(name)) throw new Error(`header name ${JSON.stringify(name)}`)
    if (!/^[\x20-\x7e]*$/.test(value)) throw new Error(`header ${name}: ${JSON.stringify(value)}`)
  }
}

const WATCHED = {
  Object,
  Array,
  Function,
  String,
  Number,
  Boolean,
  Symbol,
  Promise,
  Map,
  Set,
  WeakMap,
  WeakSet,
  Error,
  RegExp,
  Date,
} as const

/** Everything that hangs on the prototypes that all code shares. */
function prototypes(): Readonly<Record<string, readonly PropertyKey[]>> {
  return Object.fromEntries(
    Object.entries(WATCHED).flatMap(([name, of]) => [
      [name, Reflect.ownKeys(of)],
      [`${name}.prototype`, Reflect.ownKeys(of.prototype as object)],
    ]),
  )
}

function numberOf(name: string): number | undefined {
  const value = process.env[name]
  return value === undefined || value === '' ? undefined : Number(value)
}
