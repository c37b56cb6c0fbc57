// Turns the logs of a fault into the cells of its row, and compares each with its threshold.
import { checkEnvelope } from '@sluice/testing'
import type { Limit } from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import { historiesOf } from '../processes/processes.ts'
import { differenceOf } from '../processes/check-history.ts'
import type { Thresholds, Case } from './case.ts'
import { ownStalls } from './load.ts'
import type { Report } from './load-process.ts'
import { DEADLINE, type Entry, entriesOf, FRESH, HOT_BUCKET, HOT_WINDOW, LIMITS } from './log.ts'

export const SHARE = 0.5
const SLICE = 1_000

/** The times of a run, in ms since the epoch. */
export interface Times {
  readonly baseline: number
  readonly begun: number
  readonly ended: number
  readonly fresh: number
  readonly stopped: number
}

export interface Cell {
  readonly text: string
  /** Why the cell fails. */
  readonly problem?: string | undefined
}
export type Row = Readonly<
  Record<'added latency' | 'failed' | 'admitted of bound' | 'normal after' | 'memory' | 'errors' | 'verdicts', Cell>
>

export function rowOf(fault: Case, times: Times, reports: readonly Report[]): Row {
  const processes = reports.map((report) => corrected(report))
  return {
    'added latency': latency(fault.thresholds, times, processes, opened(times, reports), closed(times, reports)),
    failed: failed(fault, reports, processes, times),
    'admitted of bound': admitted(fault, times, processes),
    'normal after': normal(fault, times, processes, reports),
    memory: memory(times, reports),
    errors: counted(reports.flatMap(({ unhandled }) => unhandled)),
    verdicts: verdicts(fault, processes, times, reports),
  }
}

type Log = readonly Entry[]

/** Subtracts the time in which the load process or the process of the proxies had no processor. */
function corrected({ log, decisions, stalls }: Report): Log {
  const all = Array.from({ length: stalls.length / 3 }, (_, i) => [stalls[3 * i]!, stalls[3 * i + 1]!, stalls[3 * i + 2]!] as const)
  const lists = [all, ownStalls()]
  return entriesOf(log, decisions).map((entry) => {
    const excused = lists.map((list) => lostIn(list, entry.t, entry.t + entry.latency))
    // A decision by Redis also waits for the proxies, which may stall at the same time. A decision by deadline waits for a timer.
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

/** For each process: when a breaker first opened. */
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

function latency(
  thresholds: Thresholds,
  times: Times,
  processes: readonly Log[],
  openings: readonly number[],
  closings: readonly number[],
): Cell {
  const during = processes.map((log) => log.filter(({ t }) => t >= times.begun && t < times.ended))
  const before = processes.map((log) => log.filter(({ t }) => t >= times.baseline && t < times.begun))
  if (thresholds.latency === 'opens') {
    const until = during.flatMap((log, i) => log.filter(({ t }) => t <= openings[i]!))
    // A fault that is over at once is measured until the breaker closes.
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
      problem: openings.includes(Infinity)
        ? 'a breaker never opened'
        : first > DEADLINE + 5
          ? `over ${DEADLINE + 5} ms until open`
          : rest >= 1
            ? 'over 1 ms once open'
            : undefined,
    }
  }
  const added = slices(during.flat()) - slices(before.flat())
  return { text: ms(Math.max(0, added)), problem: added > thresholds.latency ? `over ${thresholds.latency} ms` : undefined }
}

/** The median of the p99 of each second, so that one bad second of the machine does not count. */
function slices(entries: Log): number {
  const bySecond = new Map<number, number[]>()
  for (const { t, latency } of entries) {
    const second = Math.floor(t / SLICE)
    const list = bySecond.get(second) ?? []
    bySecond.set(second, list)
    list.push(latency)
  }
  // Only seconds with enough requests, unless there are none.
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

/** Requests that ended with an error, or were refused although their subject is far below its limit. */
function failed(fault: Case, reports: readonly Report[], processes: readonly Log[], times: Times): Cell {
  const errors = reports.flatMap(({ failures }) => failures)
  const during = processes.flat().filter(({ t }) => t >= times.begun - 500)
  const refused = during.filter(
    ({ kind, allowed, source }) => kind > HOT_WINDOW && kind !== FRESH && !allowed && source !== 'closed',
  ).length
  const total = errors.length + refused
  const problem = total > 0 ? `${errors.length} errors (${errors[0] ?? ''}), ${refused} refused` : undefined
  if (fault.failMode !== 'closed') return { text: `${total}`, problem }
  const closed = during.filter(({ source }) => source === 'closed')
  return {
    text: `${total} (${closed.length} times 503)`,
    problem: problem ?? (closed.length === 0 || closed.some(({ allowed }) => allowed) ? 'not closed' : undefined),
  }
}

/** What the hot subjects were admitted, against the bound of docs/reliability.md, and each source against its own promise. */
function admitted(fault: Case, times: Times, processes: readonly Log[]): Cell {
  const cells: string[] = []
  const problem: string[] = []
  for (const kind of [HOT_BUCKET, HOT_WINDOW]) {
    const limit = LIMITS[kind]!
    const hot = processes.map((log) => log.filter((entry) => entry.kind === kind && entry.allowed))
    const units = hot.flat().filter(({ source }) => source !== 'open').length
    const seconds = (times.stopped - times.baseline + 1_000) / 1000
    const parts = 1 + fault.losses
    let bound = parts * limit.limit + limit.limit * seconds
    for (const log of processes) {
      const local = log.filter(({ source, kind: of }) => of === kind && source === 'local')
      if (local.length === 0) continue
      const away = (local.at(-1)!.t - local[0]!.t + 2 * DEADLINE) / 1000
      bound += SHARE * limit.limit * (1 + away + (fault.steps === true ? 1 : 0))
    }
    bound = Math.floor(bound)
    const since = hot.flat().filter(({ t, source }) => t >= times.baseline - 1_000 && source !== 'open').length
    cells.push(`${since}/${bound}`)
    if (since > bound) problem.push(`${limit.name}: ${since} of ${bound}`)
    if (units === 0) problem.push(`${limit.name}: nothing admitted`)
    problem.push(...violationsOf(fault, limit, times, hot))
  }
  return {
    text: fault.failMode === 'open' ? 'no bound while open' : cells.join(', '),
    problem: problem.length > 0 ? problem.join('; ') : undefined,
  }
}

/** Violations of the promise: by Redis for all processes together, by the local fallback for each process at its share. */
function violationsOf(fault: Case, limit: Limit, times: Times, hot: readonly Log[]): readonly string[] {
  const problem: string[] = []
  const redis = hot.flat().filter(({ source }) => source === 'redis')
  // After a loss of state or a clock step, the promise starts again.
  for (const era of fault.losses > 0 || fault.steps === true ? eras(redis, times) : [redis]) {
    const [violation] = checkEnvelope(
      limit,
      era.map(({ at, granted }) => ({ at, units: granted })),
    )
    if (violation !== undefined) problem.push(`redis, ${limit.name}: ${JSON.stringify(violation)}`)
  }
  const share = algorithmOf(limit).scale(limit, SHARE)
  for (const log of hot) {
    const local = log.filter(({ source }) => source === 'local')
    for (const era of fault.steps === true ? eras(local, times) : [local]) {
      const [violation] = checkEnvelope(
        share,
        era.map(({ at, granted }) => ({ at, units: granted })),
      )
      if (violation !== undefined) problem.push(`local, ${limit.name}: ${JSON.stringify(violation)}`)
    }
  }
  return problem
}

/** The log before the fault, and the log after it. */
function eras(log: Log, times: Times): readonly Log[] {
  return [log.filter(({ t }) => t < times.begun), log.filter(({ t }) => t >= times.ended)]
}

/** ms in which only the store decides, after which operation is normal again. */
const NORMAL = 500

/** ms that a breaker may stay open after a busy moment: until the second probe. */
const MAX_OPEN = 1_200

/**
 * The time from the end of the fault to normal operation, in the slowest process. Times when the Redis without a fault was slow
 * too are left out. Breakers that open again later are noted.
 */
function normal({ thresholds }: Case, times: Times, processes: readonly Log[], reports: readonly Report[]): Cell {
  const since = processes.map((log, i) => {
    const busy = reports[i]!.control
    const isBusy = (t: number): boolean => busy.some(([asked, took]) => asked <= t && t <= asked + took + MAX_OPEN)
    const others = log.filter(({ t, source }) => source !== 'redis' && t + DEADLINE >= times.ended)
    const ends = others.filter(({ t }) => !isBusy(t)).map(({ t, latency }) => t + latency)
    const gap = ends.findIndex((t, at) => (ends[at + 1] ?? times.stopped) - t > NORMAL)
    const last = ends.at(gap) ?? times.ended
    return { after: Math.max(0, last - times.ended), later: gap >= 0 && gap < ends.length - 1, isBusy: ends.length < others.length }
  })
  const after = Math.max(...since.map((fault) => fault.after))
  const notes = [since.some(({ later }) => later) ? ', opened again' : '', since.some(({ isBusy }) => isBusy) ? ' (busy)' : '']
  const text = `${after === 0 ? 'at once' : `${(after / 1000).toFixed(2)} s`}${notes.join('')}`
  return { text, problem: after > thresholds.normal ? `over ${thresholds.normal} ms` : undefined }
}

/** Bytes per minute, or in all for a shorter run. */
const MAX_GROWTH = 1_048_576

function memory(times: Times, reports: readonly Report[]): Cell {
  const minutes = Math.max(1, (times.stopped - times.baseline) / 60_000)
  const grown = Math.max(...reports.map(({ memory }) => memory.at(-1)! - memory[0]!))
  const text = `${grown > 0 ? '+' : ''}${Math.round(grown / minutes / 1024)} kB`
  return { text, problem: grown >= MAX_GROWTH * minutes ? 'over 1 MB a minute' : undefined }
}

function counted(errors: readonly string[]): Cell {
  return { text: `${errors.length}`, problem: errors.length > 0 ? errors[0] : undefined }
}

/** Compares every decision about fresh subjects with the model, field by field. */
function verdicts({ steps }: Case, processes: readonly Log[], times: Times, reports: readonly Report[]): Cell {
  const logs = processes.map((log) =>
    log.filter(({ kind, t }) => kind === FRESH && t >= times.fresh).map((entry) => ({ ...entry, cost: 1, releases: undefined, delay: 0 })),
  )
  // On a busy machine the fallback decides some requests. Those subjects are left out.
  const foreign = new Set(logs.flat().flatMap(({ source, subject }) => (source === 'redis' ? [] : [subject])))
  const followed = steps === true ? logs.flatMap((log) => historiesOf([log])) : historiesOf(logs)
  const histories = followed.filter(([first]) => first !== undefined && !foreign.has(first.subject))
  const count = histories.flat().length
  const difference = histories.map((history) => differenceOf(LIMITS[FRESH]!, history)).find((found) => found !== undefined)
  const isBusy =
    count < MIN_COMPARED && reports.some(({ control }) => control.some(([asked, took]) => asked + took + MAX_OPEN >= times.fresh))
  const few = count < MIN_COMPARED && !isBusy ? `of ${logs.flat().length} too few were decided by Redis` : undefined
  return { text: `${count} equal${isBusy ? ' (busy)' : ''}`, problem: difference ?? few }
}

/** Minimum number of compared decisions, unless the machine was too busy for Redis to decide. */
const MIN_COMPARED = 50
