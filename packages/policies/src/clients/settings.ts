import { quoted } from '@sluice/core/adapter-kit'
import type { NumbersSpec } from '../document.ts'
import { show } from '../problems.ts'
import { QUALIFIED } from '../schema-parts.ts'
import type { ClientRow } from './client-table.ts'

/** What the row of a client changes for its requests. */
export interface ClientSettings {
  /** The tier of the client. `undefined`: the one that the request has without the table. */
  readonly tier: string | undefined
  /** Numbers of limits, by `<policy>.<limit>`. A limit that is not in it keeps the numbers of the tier. */
  readonly limits: Readonly<Record<string, NumbersSpec>>
  /** Values of the row that are ignored, since they make no sense. The first 10. */
  readonly problems: readonly string[]
}

const MAX_PROBLEMS = 10
const [IS_QUALIFIED] = QUALIFIED

/**
 * Reads rows as a document means them. The settings of a row are made once and kept as long as the row, so a request makes no object.
 * @param columns of the document: which limit a column sets
 * @example
 * ```ts
 * import { settingsReader } from '@sluice/policies'
 *
 * const settingsOf = settingsReader({ rps_limit: 'api.second' })
 * const { tier, limits } = settingsOf({ client_id: 'acme', tier: 'pro', rps_limit: 50 })
 * console.log(tier, limits['api.second'])
 * ```
 */
export function settingsReader(columns: Readonly<Record<string, string>> = {}): (row: ClientRow) => ClientSettings {
  return reportingReader(columns, () => undefined)
}

/** As `settingsReader`. @param onMade is called once for each row, so that a request does not look for what is wrong with it */
export function reportingReader(
  columns: Readonly<Record<string, string>> = {},
  onMade: (settings: ClientSettings, row: ClientRow) => void,
): (row: ClientRow) => ClientSettings {
  const known = new WeakMap<ClientRow, ClientSettings>()
  const pairs = Object.entries(columns)
  return (row) => {
    let settings = known.get(row)
    if (settings === undefined) {
      settings = settingsOf(row, pairs)
      known.set(row, settings)
      onMade(settings, row)
    }
    return settings
  }
}

function settingsOf(row: ClientRow, columns: readonly (readonly [column: string, name: string])[]): ClientSettings {
  const problems: string[] = []
  // Without a prototype, since the names come from a table.
  const limits: Record<string, NumbersSpec> = Object.create(null) as Record<string, NumbersSpec>
  const problem = (place: string, expected: string, got: unknown): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(`${place}: expected ${expected}, got ${show(got)}`)
  }
  for (const [column, name] of columns) {
    const limit = unitsOf(Object.hasOwn(row, column) ? row[column] : undefined, column, problem)
    if (limit !== undefined && limits[name] === undefined) limits[name] = { limit }
  }
  // What is said of one limit by its name is more exact than a column for all clients.
  for (const [name, value] of Object.entries(ownLimits(row.limits, problem))) {
    const place = `limits[${quoted(name)}]`
    if (!IS_QUALIFIED.test(name)) problem(place, 'a limit as <policy>.<limit>', name)
    else {
      const numbers = numbersOf(value, place, problem)
      if (numbers !== undefined) limits[name] = numbers
    }
  }
  return Object.freeze({ tier: tierOf(row.tier, problem), limits: Object.freeze(limits), problems: Object.freeze(problems) })
}

type Problem = (place: string, expected: string, got: unknown) => void

function tierOf(tier: unknown, problem: Problem): string | undefined {
  if (tier === undefined || tier === null || tier === '') return undefined
  if (typeof tier === 'string') return tier
  problem('tier', 'a text', tier)
  return undefined
}

function ownLimits(limits: unknown, problem: Problem): Readonly<Record<string, unknown>> {
  if (limits === undefined || limits === null || limits === '') return {}
  let value: unknown = limits
  if (typeof limits === 'string') {
    try {
      value = JSON.parse(limits) as unknown
    } catch {
      // Reported below.
    }
  }
  if (value === null) return {}
  if (typeof value === 'object' && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>
  problem('limits', "an object such as { 'api.minute': 100 }, or its JSON", value)
  return {}
}

function numbersOf(value: unknown, place: string, problem: Problem): NumbersSpec | undefined {
  if (typeof value !== 'object' || value === null) {
    const limit = unitsOf(value, place, problem)
    return limit === undefined ? undefined : { limit }
  }
  const other = Object.keys(value).find((name) => name !== 'limit' && name !== 'burst')
  if (Array.isArray(value) || other !== undefined) {
    problem(place, 'a number or { limit, burst }', other ?? value)
    return undefined
  }
  const { limit: limitValue, burst: burstValue } = value as { readonly limit?: unknown; readonly burst?: unknown }
  const limit = unitsOf(limitValue, `${place}.limit`, problem)
  const burst = unitsOf(burstValue, `${place}.burst`, problem, 1)
  if (limit === undefined && burst === undefined) return undefined
  return { ...(limit === undefined ? {} : { limit }), ...(burst === undefined ? {} : { burst }) }
}

/** A whole number. Drivers give some numbers as texts (`NUMERIC`, a hash of Redis) or as bigints. `undefined` for none. */
function unitsOf(value: unknown, place: string, problem: Problem, min = 0): number | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const number = typeof value === 'string' ? (/^\d{1,16}(?:\.0+)?$/.test(value) ? Number(value) : Number.NaN) : Number(value)
  const isNumber = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string'
  if (isNumber && Number.isSafeInteger(number) && number >= min) return number
  problem(place, `a whole number, ${min} or more`, typeof value === 'bigint' ? String(value) : value)
  return undefined
}
