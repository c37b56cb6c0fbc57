// From the logs of a case to its cells, each beside its bar.
import { checkEnvelope } from '@sluice/testing'
import type { Limit } from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import { historyOf } from '../support/fleet.ts'
import { differenceOf } from '../support/fleet-check.ts'
import type { Bars, Case } from './case.ts'
import { ownStalls } from './load.ts'
import type { Report } from './load-process.ts'
import { DEADLINE, type Entry, entriesOf, FRESH, HOT_BUCKET, HOT_WINDOW, LIMITS } from './log.ts'

export const SHARE = 0.5
const SLICE = 1_000

/** When what happened, in ms of the common time. */
export interface Times {
  readonly baseline: number
  readonly begun: number
  readonly ended: number
  readonly fresh: number
  readonly stopped: number
}

export interface Cell {
  readonly text: string
  /** Why it fails. */
  readonly wrong?: string | undefined
}
export type Row = Readonly<
  Record<'added latency' | 'failed' | 'admitted of bound' | 'normal after' | 'memory' | 'errors' | 'verdicts', Cell>
>

export function rowOf(one: Case, times: Times, reports: readonly Report[]): Row {
  const processes = reports.map((report) => corrected(report))
  return {
    'added latency': latency(one.bars, times, processes, opened(times, reports), closed(times, reports)),
    failed: failed(one, reports, processes, times),
    'admitted of bound': admitted(one, times, processes),
    'normal after': normal(one, times, processes, reports),
    memory: memory(times, reports),
    errors: counted(reports.flatMap(({ unhandled }) => unhandled)),
    verdicts: verdicts(one, processes, times, reports),
  }
}

type Log = readonly Entry[]

/** Without the time in which the process that asked, or the one of the proxies, had no processor. What it computed itself stays. */
function corrected({ log, decisions, stalls }: Report): Log {
  const all = Array.from({ length: stalls.length / 3 }, (_, i) => [stalls[3 * i]!, stalls[3 * i + 1]!, stalls[3 * i + 2]!] as const)
  const lists = [all, ownStalls()]
  return entriesOf(log, decisions).map((entry) => {
    const excused = lists.map((list) => lostIn(list, entry.t, entry.t + entry.latency))
    // What waits for a timer waits as any timer does; what waits for Redis waits for the proxies too. They may have been late at once.
    const off = entry.source === 'redis' ? Math.max(...excused) : Math.max(excused[0]!, entry.latency > DEADLINE ? entry.late : 0)
    return { ...entry, latency: Math.max(0, entry.latency - off) }
  })
}

function lostIn(stalls: readonly (readonly [number, number, number])[], from: number, to: number): number {
  let lost = 0
  let [low, high] = [0, stalls.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (stalls[middle]![1] < from) low = middle + 1
    else high = middle
  }
  for (let i = low; i < stalls.length && stalls[i]![0] < to; i += 1) {
    const [start, end, off] = stalls[i]!
    lost += Math.min(off, Math.max(0, Math.min(end, to) - Math.max(start, from)))
  }
  return lost
}

/** When the first breaker of each process opened. */
function opened(times: Times, reports: readonly Report[]): readonly number[] {
  return reports.map(
    ({ events }) => events.find((event) => event.type === 'breaker' && event.to === 'open' && event.t >= times.begun)?.t ?? Infinity,
  )
}

function closed(times: Times, reports: readonly Report[]): readonly number[] {
  const openings = opened(times, reports)
  return reports.map(
    ({ events }, i) =>
      events.find((event) => event.type === 'breaker' && event.to === 'closed' && event.t > openings[i]!)?.t ?? times.stopped,
  )
}

function latency(bars: Bars, times: Times, processes: readonly Log[], openings: readonly number[], closings: readonly number[]): Cell {
  const during = processes.map((log) => log.filter(({ t }) => t >= times.begun && t < times.ended))
  const before = processes.map((log) => log.filter(({ t }) => t >= times.baseline && t < times.begun))
  if (bars.latency === 'opens') {
    const until = during.flatMap((log, i) => log.filter(({ t }) => t <= openings[i]!))
    // Of a fault that is over in a moment: until the breaker closes.
    const isShort = times.ended - times.begun < SLICE
    const after = processes.flatMap((log, i) => {
      const end = isShort ? closings[i]! : times.ended
      return log.filter(({ t, source }) => t > openings[i]! && t < end && source !== 'redis')
    })
    const [first, rest] = [
      percentile(
        until.map(({ latency }) => latency),
        0.99,
      ),
      Math.max(0, slices(after) - slices(after.map((entry) => ({ ...entry, latency: entry.memory })))),
    ]
    return {
      text: `${ms(first)} until open, then ${ms(rest)}`,
      wrong: openings.includes(Infinity)
        ? 'a breaker never opened'
        : first > DEADLINE + 5
          ? `over ${DEADLINE + 5} ms until open`
          : rest >= 1
            ? 'over 1 ms once open'
            : undefined,
    }
  }
  const added = slices(during.flat()) - slices(before.flat())
  return { text: ms(Math.max(0, added)), wrong: added > bars.latency ? `over ${bars.latency} ms` : undefined }
}

/** The median of the p99 of each second: one bad second of the machine is not the limiter's. */
function slices(entries: Log): number {
  const bySecond = new Map<number, number[]>()
  for (const { t, latency } of entries) {
    const second = Math.floor(t / SLICE)
    const list = bySecond.get(second) ?? []
    bySecond.set(second, list)
    list.push(latency)
  }
  // Seconds that the fault fills; of one that is over sooner, what there is.
  const lists = [...bySecond.values()]
  const full = lists.some((list) => list.length > 50) ? lists.filter((list) => list.length > 50) : [lists.flat()]
  return percentile(
    full.map((list) => percentile(list, 0.99)),
    0.5,
  )
}

function percentile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
}

/** Requests that an error reached, or that were refused though their subject is nowhere near its limit. */
function failed(one: Case, reports: readonly Report[], processes: readonly Log[], times: Times): Cell {
  const errors = reports.flatMap(({ failures }) => failures)
  const during = processes.flat().filter(({ t }) => t >= times.begun - 500)
  const refused = during.filter(
    ({ kind, allowed, source }) => kind > HOT_WINDOW && kind !== FRESH && !allowed && source !== 'closed',
  ).length
  const total = errors.length + refused
  const wrong = total > 0 ? `${errors.length} errors (${errors[0] ?? ''}), ${refused} refused` : undefined
  if (one.failMode !== 'closed') return { text: `${total}`, wrong }
  const closed = during.filter(({ source }) => source === 'closed')
  return {
    text: `${total} (${closed.length} times 503)`,
    wrong: wrong ?? (closed.length === 0 || closed.some(({ allowed }) => allowed) ? 'not closed' : undefined),
  }
}

/** What the hot subjects were admitted, against the bound of docs/reliability.md; and each tier against its own promise, over every interval. */
function admitted(one: Case, times: Times, processes: readonly Log[]): Cell {
  const cells: string[] = []
  const wrong: string[] = []
  for (const kind of [HOT_BUCKET, HOT_WINDOW]) {
    const limit = LIMITS[kind]!
    const hot = processes.map((log) => log.filter((entry) => entry.kind === kind && entry.allowed))
    const units = hot.flat().filter(({ source }) => source !== 'open').length
    const seconds = (times.stopped - times.baseline + 1_000) / 1000
    const parts = 1 + one.losses
    let bound = parts * limit.limit + limit.limit * seconds
    for (const log of processes) {
      const local = log.filter(({ source, kind: of }) => of === kind && source === 'local')
      if (local.length === 0) continue
      const away = (local.at(-1)!.t - local[0]!.t + 2 * DEADLINE) / 1000
      bound += SHARE * limit.limit * (1 + away + (one.steps === true ? 1 : 0))
    }
    bound = Math.floor(bound)
    const since = hot.flat().filter(({ t, source }) => t >= times.baseline - 1_000 && source !== 'open').length
    cells.push(`${since}/${bound}`)
    if (since > bound) wrong.push(`${limit.name}: ${since} of ${bound}`)
    if (units === 0) wrong.push(`${limit.name}: nothing admitted`)
    wrong.push(...broken(one, limit, times, hot))
  }
  return {
    text: one.failMode === 'open' ? 'no bound while open' : cells.join(', '),
    wrong: wrong.length > 0 ? wrong.join('; ') : undefined,
  }
}

/** Redis by Redis's clock, all processes together; the local tier of each process at its share. */
function broken(one: Case, limit: Limit, times: Times, hot: readonly Log[]): readonly string[] {
  const wrong: string[] = []
  const redis = hot.flat().filter(({ source }) => source === 'redis')
  // State that was lost begins anew, and a clock that stepped is another clock.
  for (const era of one.losses > 0 || one.steps === true ? eras(redis, times) : [redis]) {
    const [violation] = checkEnvelope(
      limit,
      era.map(({ at, granted }) => ({ at, units: granted })),
    )
    if (violation !== undefined) wrong.push(`redis, ${limit.name}: ${JSON.stringify(violation)}`)
  }
  const share = algorithmOf(limit).scale(limit, SHARE)
  for (const log of hot) {
    const local = log.filter(({ source }) => source === 'local')
    for (const era of one.steps === true ? eras(local, times) : [local]) {
      const [violation] = checkEnvelope(
        share,
        era.map(({ at, granted }) => ({ at, units: granted })),
      )
      if (violation !== undefined) wrong.push(`local, ${limit.name}: ${JSON.stringify(violation)}`)
    }
  }
  return wrong
}

/** Before the fault and after it. */
function eras(log: Log, times: Times): readonly Log[] {
  return [log.filter(({ t }) => t < times.begun), log.filter(({ t }) => t >= times.ended)]
}

/** Half a second in which the store decides everything is normal. */
const NORMAL = 500

/** ms for which a breaker that a busy moment opened can stay open: to the look after the next. */
const OPENED = 1_200

/**
 * From the end of the fault to where normal begins, in the process that is last. Where a Redis without a fault was as late, it was the
 * machine; what opens after normal has begun is told.
 */
function normal({ bars }: Case, times: Times, processes: readonly Log[], reports: readonly Report[]): Cell {
  const since = processes.map((log, i) => {
    const busy = reports[i]!.control
    const isBusy = (t: number): boolean => busy.some(([asked, took]) => asked <= t && t <= asked + took + OPENED)
    const others = log.filter(({ t, source }) => source !== 'redis' && t + DEADLINE >= times.ended)
    const ends = others.filter(({ t }) => !isBusy(t)).map(({ t, latency }) => t + latency)
    const gap = ends.findIndex((t, at) => (ends[at + 1] ?? times.stopped) - t > NORMAL)
    const last = ends.at(gap) ?? times.ended
    return { after: Math.max(0, last - times.ended), later: gap >= 0 && gap < ends.length - 1, isBusy: ends.length < others.length }
  })
  const after = Math.max(...since.map((one) => one.after))
  const notes = [since.some(({ later }) => later) ? ', opened again' : '', since.some(({ isBusy }) => isBusy) ? ' (busy)' : '']
  const text = `${after === 0 ? 'at once' : `${(after / 1000).toFixed(2)} s`}${notes.join('')}`
  return { text, wrong: after > bars.normal ? `over ${bars.normal} ms` : undefined }
}

/** Bytes a minute; of what lasts for less, in all. */
const MOST_MEMORY = 1_048_576

function memory(times: Times, reports: readonly Report[]): Cell {
  const minutes = Math.max(1, (times.stopped - times.baseline) / 60_000)
  const grown = Math.max(...reports.map(({ memory }) => memory.at(-1)! - memory[0]!))
  const text = `${grown > 0 ? '+' : ''}${Math.round(grown / minutes / 1024)} kB`
  return { text, wrong: grown >= MOST_MEMORY * minutes ? 'over 1 MB a minute' : undefined }
}

function counted(errors: readonly string[]): Cell {
  return { text: `${errors.length}`, wrong: errors.length > 0 ? errors[0] : undefined }
}

/** Subjects that nobody had seen before the recovery: every field of every decision as the model makes it. */
function verdicts({ steps }: Case, processes: readonly Log[], times: Times, reports: readonly Report[]): Cell {
  const logs = processes.map((log) =>
    log.filter(({ kind, t }) => kind === FRESH && t >= times.fresh).map((entry) => ({ ...entry, cost: 1, of: undefined, delay: 0 })),
  )
  // A machine that is too busy for the deadline decides some of them here: those subjects have another history.
  const foreign = new Set(logs.flat().flatMap(({ source, subject }) => (source === 'redis' ? [] : [subject])))
  const followed = steps === true ? logs.flatMap((log) => historyOf([log])) : historyOf(logs)
  const histories = followed.filter(([first]) => first !== undefined && !foreign.has(first.subject))
  const count = histories.flat().length
  const difference = histories.map((history) => differenceOf(LIMITS[FRESH]!, history)).find((found) => found !== undefined)
  const isBusy = count < FEWEST && reports.some(({ control }) => control.some(([asked, took]) => asked + took + OPENED >= times.fresh))
  const few = count < FEWEST && !isBusy ? `of ${logs.flat().length} too few were decided by Redis` : undefined
  return { text: `${count} equal${isBusy ? ' (busy)' : ''}`, wrong: difference ?? few }
}

/** Decisions that have to be compared with the model, unless the machine was too busy for Redis to make them. */
const FEWEST = 50
