// Runs a property over many random inputs. It also asserts that nothing hangs and no prototype changes.
import { isSluiceError } from '@sluice/core'
import { ALL_CODES } from '../codes.ts'
import fc from 'fast-check'
import { expect } from 'vitest'

/** SLUICE_SEED repeats a run. SLUICE_FUZZ scales the number of inputs: 10,000 is the default number. */
export const seed: number = numberOf('SLUICE_SEED') ?? Math.floor(Math.random() * 2 ** 31)
const scale = (numberOf('SLUICE_FUZZ') ?? 10_000) / 10_000
/** ms of CPU after which one input counts as hanging. The clock would also count what other programs take; a wait without end is a timeout. */
const MAX_CPU = 3_000

export interface Tally {
  /** For each property: the number of inputs, and how many worked. */
  readonly rows: Record<string, { inputs: number; worked: number; refused: number }>
}
export const tally: Tally = { rows: {} }

/** The result of one input: it worked, or it was refused correctly. */
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
    const start = process.cpuUsage()
    const verdict = await property(input)
    const { user, system } = process.cpuUsage(start)
    if (user + system > MAX_CPU * 1_000) throw new Error(`one input took ${Math.round((user + system) / 1_000)} ms of CPU`)
    row[verdict] += 1
  })
  // Making a failing input smaller can take hours without a turn for anything else, so it is done only where a seed repeats a run.
  await fc.assert(checked, { numRuns: wanted, seed, endOnFailure: !shrinks || process.env['SLUICE_SEED'] === undefined })
  expect(prototypes()).toEqual(before)
  expect(row.inputs).toBeGreaterThanOrEqual(wanted)
}

/** Runs a function. A SluiceError of a known code is a refusal; any other error is thrown. */
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

/** A refusal has a known code, and a message of one short printable line. */
export function checkRefusal(error: unknown): void {
  if (!isSluiceError(error)) throw error
  if (!ALL_CODES.includes(error.code)) throw new Error(`unknown code ${error.code}`, { cause: error })
  // eslint-disable-next-line no-control-regex
  if (/[\0-\x1f\x7f]/.test(error.message) || error.message.length > 600) throw new Error('not a short line', { cause: error })
}

/** Asserts that names and values of headers contain only harmless characters. */
export function checkHeaders(headers: readonly (readonly [string, string])[]): void {
  for (const [name, value] of headers) {
    if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(name)) throw new Error(`header name ${JSON.stringify(name)}`)
    if (!/^[\x20-\x7e]*$/.test(value)) throw new Error(`header ${name}: ${JSON.stringify(value)}`)
  }
}

const SHARED_OBJECTS = {
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

/** The properties of the global constructors and their prototypes. */
function prototypes(): Readonly<Record<string, readonly PropertyKey[]>> {
  return Object.fromEntries(
    Object.entries(SHARED_OBJECTS).flatMap(([name, of]) => [
      [name, Reflect.ownKeys(of)],
      [`${name}.prototype`, Reflect.ownKeys(of.prototype as object)],
    ]),
  )
}

function numberOf(name: string): number | undefined {
  const value = process.env[name]
  return value === undefined || value === '' ? undefined : Number(value)
}
