import type { ShareTable } from './record.ts'

/** What a region knows of the tables by which rights are divided. A later version follows an earlier one. */
export interface ShareBook {
  /** Tables that this region has promised to keep, by version. A promise is never taken back. */
  readonly promised: readonly ShareTable[]
  /** By name of another region, the versions that it has promised. */
  readonly heard: Readonly<Record<string, readonly number[]>>
}

/** What a process has read of its region's book, and when (ms). */
export interface ShareReading {
  readonly book: ShareBook
  readonly readAt: number
}

export const NO_SHARES: ShareBook = { promised: [], heard: {} }

/**
 * Promises a table, if it is in force no earlier than `keep` from now: until then each process reads the book again.
 * @param now ms. @param keep ms
 */
export function promiseShares(book: ShareBook, table: ShareTable, now: number, keep: number): ShareBook {
  const latest = book.promised.at(-1)
  if (table.from < now + keep || (latest !== undefined && table.version <= latest.version)) return book
  return { ...book, promised: [...book.promised, table] }
}

/** Another region said which tables it has promised. */
export function hearPromises(book: ShareBook, region: string, tables: readonly ShareTable[]): ShareBook {
  const known = book.heard[region] ?? []
  const versions = [...new Set([...known, ...tables.map(({ version }) => version)])]
  return versions.length === known.length ? book : { ...book, heard: { ...book.heard, [region]: versions } }
}

/** Tables that this region promised before its data was lost, as others heard it: a promise is never taken back. */
export function restorePromises(book: ShareBook, tables: readonly ShareTable[]): ShareBook {
  const promised = new Map(book.promised.map((table) => [table.version, table]))
  for (const table of tables) if (!promised.has(table.version)) promised.set(table.version, table)
  if (promised.size === book.promised.length) return book
  return { ...book, promised: [...promised.values()].toSorted((one, other) => one.version - other.version) }
}

/** Units of a limit that each region may use under a table: whole units, of which the sum is at most `units`. */
export function divide(units: number, all: readonly string[], table: ShareTable | undefined): readonly number[] {
  let sum = 0
  let before = 0
  return all.map((region) => {
    sum += table === undefined ? 1 / all.length : (table.of[region] ?? 0)
    // Shares such as 0.1 do not add up exactly.
    const upTo = Math.min(units, Math.floor(units * sum + 1e-6))
    const part = upTo - before
    before = upTo
    return part
  })
}

/** The limit, as far as rights are computed from it. */
interface Divided {
  /** Units of all regions together. */
  readonly units: number
  readonly kind: 'fixed' | 'sliding'
  /** ms */
  readonly length: number
}

/**
 * Units that a region may use in the window that starts then (ms), from a reading that is not too old.
 * @returns `undefined` if the process must read the book again
 */
export function rightsIn(
  { units, kind, length }: Divided,
  reading: ShareReading,
  { self, all, keep }: { readonly self: string; readonly all: readonly string[]; readonly keep: number },
  start: number,
): number | undefined {
  const { book, readAt } = reading
  if (start >= readAt + keep) return undefined
  const index = all.indexOf(self)
  const partOf = (table: ShareTable | undefined): number => divide(units, all, table)[index] as number
  let rights = partOf(undefined)
  for (const table of book.promised) {
    if (table.from > start) break
    const isEverywhere = all.every((region) => region === self || (book.heard[region] ?? []).includes(table.version))
    // What a sliding window has counted still weighs in the next one, so others have room for more only one window later.
    const isGrown = isEverywhere && (kind === 'fixed' || start - length >= table.from)
    rights = isGrown ? partOf(table) : Math.min(rights, partOf(table))
  }
  return rights
}
