/** One admitted charge. */
export interface LogEntry {
  /** Microseconds since the epoch. */
  readonly time: number
  readonly units: number
  readonly id: number
}

/** Some entries, at least one, and the units in them. */
interface Chunk {
  readonly entries: readonly LogEntry[]
  readonly units: number
}

/** The entries of a sliding log, oldest first, in chunks: a change copies one chunk, and not all entries. */
export interface SlidingLogState {
  readonly chunks: readonly Chunk[]
  /** The id of the next entry. Two charges at one instant are two entries, and no id is used twice. */
  readonly next: number
  /** The units in all entries. */
  readonly units: number
}

/** The most entries of a chunk. */
const CHUNK = 64

export const EMPTY_LOG: SlidingLogState = Object.freeze({ chunks: [], next: 0, units: 0 })

export function logOf(entries: readonly LogEntry[], next: number): SlidingLogState {
  const chunks: Chunk[] = []
  for (let i = 0; i < entries.length; i += CHUNK) chunks.push(chunkOf(entries.slice(i, i + CHUNK)))
  return summarized(chunks, next)
}

export function listEntries({ chunks }: SlidingLogState): readonly LogEntry[] {
  return chunks.flatMap(({ entries }) => entries)
}

export function newestEntry({ chunks }: SlidingLogState): LogEntry | undefined {
  return chunks.at(-1)?.entries.at(-1)
}

/** The entries after a time. */
export function entriesAfter(log: SlidingLogState, time: number): SlidingLogState {
  const { chunks, next } = log
  let first = 0
  while (first < chunks.length && ((chunks[first] as Chunk).entries.at(-1) as LogEntry).time <= time) first += 1
  const boundary = chunks[first]
  const cut = boundary === undefined ? 0 : boundary.entries.findIndex((entry) => entry.time > time)
  if (first === 0 && cut === 0) return log
  const kept = chunks.slice(first)
  if (boundary !== undefined && cut > 0) kept[0] = chunkOf(boundary.entries.slice(cut))
  return summarized(kept, next)
}

/** The first entry with which the oldest entries have so many units; `undefined` if all have fewer. */
export function entryAtUnits({ chunks }: SlidingLogState, units: number): LogEntry | undefined {
  let missing = units
  for (const chunk of chunks) {
    if (chunk.units < missing) {
      missing -= chunk.units
      continue
    }
    for (const entry of chunk.entries) {
      missing -= entry.units
      if (missing <= 0) return entry
    }
  }
  return undefined
}

/** With another entry, the newest. */
export function withEntry({ chunks, next, units }: SlidingLogState, time: number, added: number): SlidingLogState {
  const entry = { time, units: added, id: next }
  const last = chunks.at(-1)
  const changed = chunks.slice()
  if (last === undefined || last.entries.length >= CHUNK) changed.push({ entries: [entry], units: added })
  else changed[chunks.length - 1] = { entries: [...last.entries, entry], units: last.units + added }
  return { chunks: changed, next: next + 1, units: units + added }
}

export function findEntry({ chunks }: SlidingLogState, time: number, id: number): LogEntry | undefined {
  const chunk = chunks[indexOf(chunks, time, id)]
  return chunk?.entries.find((entry) => entry.time === time && entry.id === id)
}

/** With so many units less in an entry, which must be one of the log. An entry without units is removed. */
export function withoutUnits({ chunks, next, units }: SlidingLogState, entry: LogEntry, back: number): SlidingLogState {
  const index = indexOf(chunks, entry.time, entry.id)
  const entries = (chunks[index] as Chunk).entries.flatMap((other) => {
    if (other !== entry) return [other]
    return entry.units > back ? [{ ...entry, units: entry.units - back }] : []
  })
  const changed = chunks.slice()
  if (entries.length === 0) changed.splice(index, 1)
  else changed[index] = chunkOf(entries)
  return { chunks: changed, next, units: units - back }
}

/** With so many units less, at most all, in the newest entries. Entries without units are removed. */
export function withoutNewest({ chunks, next, units }: SlidingLogState, back: number): SlidingLogState {
  let missing = back
  let count = chunks.length
  for (; count > 0 && (chunks[count - 1] as Chunk).units <= missing; count--) missing -= (chunks[count - 1] as Chunk).units
  const kept = chunks.slice(0, count)
  if (missing > 0) {
    const entries = (kept[count - 1] as Chunk).entries.slice()
    for (let last = entries.at(-1); missing > 0 && last !== undefined; last = entries.at(-1)) {
      entries.pop()
      if (last.units > missing) entries.push({ ...last, units: last.units - missing })
      missing -= Math.min(missing, last.units)
    }
    kept[count - 1] = chunkOf(entries)
  }
  return { chunks: kept, next, units: units - back }
}

/** The index of the chunk with this entry. Times never decrease, and ids increase. */
function indexOf(chunks: readonly Chunk[], time: number, id: number): number {
  return chunks.findIndex(({ entries }) => {
    const last = entries.at(-1) as LogEntry
    return last.time > time || (last.time === time && last.id >= id)
  })
}

function chunkOf(entries: readonly LogEntry[]): Chunk {
  let units = 0
  for (const entry of entries) units += entry.units
  return { entries, units }
}

function summarized(chunks: readonly Chunk[], next: number): SlidingLogState {
  let units = 0
  for (const chunk of chunks) units += chunk.units
  return { chunks, next, units }
}
