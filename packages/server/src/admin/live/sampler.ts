import { type Clock, type Decision, type DecisionFacts, systemClock } from '@sluice/core'
import { Latencies } from './latencies.ts'
import { OTHER, type Sample, type SampleRow, totals } from './sample.ts'

const SECOND = 1_000
/** The samples that are kept: 15 minutes. */
const KEPT = 900
/** The rows of a sample. */
const MAX_ROWS = 50
/** What is counted in a second, before rows are chosen. */
const MAX_COUNTED = 5_000

/** What a sample has beside what is counted. */
type Around = Pick<Sample, 'store' | 'instances'>

/** Counts decisions, and makes a sample of each second. */
export class Sampler {
  private readonly clock: Required<Clock>
  private readonly around: () => Around
  private readonly listeners = new Set<(sample: Sample) => void>()
  private readonly ring: Sample[] = []
  private counts = new Map<string, { count: number; readonly row: Omit<SampleRow, 'perSecond'> }>()
  private readonly latencies = new Latencies()
  private last: number
  private cancel: () => void

  constructor(around: () => Around, clock: Required<Clock> = systemClock) {
    this.clock = clock
    this.around = around
    this.last = clock.now()
    this.cancel = clock.after(SECOND, () => this.tick())
  }

  /** For `observe({ decision })`. */
  decided(decision: Decision, { how, latency }: DecisionFacts): void {
    if (how !== 'charge') return
    const { policy: namespace, binding, mode, source } = decision
    if (mode !== 'enforce' && decision.verdict === 'allowed') return
    const verdict = mode === 'enforce' ? decision.verdict : 'shadowed'
    const name = binding?.name ?? ''
    const key = `${namespace} ${name} ${verdict}`
    const known = this.counts.get(key)
    if (known !== undefined) known.count += 1
    else if (this.counts.size < MAX_COUNTED) {
      const dot = name.indexOf('.')
      this.counts.set(key, { count: 1, row: { namespace, policy: name.slice(0, Math.max(dot, 0)), limit: name.slice(dot + 1), verdict } })
    } else this.countOther(verdict)
    if (mode === 'enforce' && source !== 'block' && source !== 'none') this.latencies.add(latency)
  }

  /** The samples of the last minutes, the oldest first. */
  history(minutes: number): readonly Sample[] {
    const since = this.clock.now() - minutes * 60 * SECOND
    return this.ring.filter(({ at }) => at > since)
  }

  /** Calls the listener with each sample, until the returned function is called. */
  subscribe(listener: (sample: Sample) => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  close(): void {
    this.cancel()
    this.listeners.clear()
  }

  private countOther(verdict: SampleRow['verdict']): void {
    const key = `${OTHER} ${verdict}`
    const known = this.counts.get(key)
    if (known === undefined) this.counts.set(key, { count: 1, row: { namespace: OTHER, policy: OTHER, limit: OTHER, verdict } })
    else known.count += 1
  }

  private tick(): void {
    const at = this.clock.now()
    this.cancel = this.clock.after(SECOND, () => this.tick())
    // A process that was busy makes one sample of several seconds.
    const seconds = Math.max(at - this.last, 1) / SECOND
    this.last = at
    const all = Array.from(this.counts.values(), ({ row, count }): SampleRow => ({ ...row, perSecond: count / seconds }))
    this.counts = new Map()
    const sample: Sample = { at, decisions: largest(all), ...totals(all), latencyMs: this.latencies.end(), ...this.around() }
    this.ring.push(sample)
    if (this.ring.length > KEPT) this.ring.shift()
    for (const listener of this.listeners) listener(sample)
  }
}

/** The rows with most decisions, the first the most. All others are added up by their verdict. */
function largest(rows: readonly SampleRow[]): readonly SampleRow[] {
  const sorted = rows.toSorted((a, b) => b.perSecond - a.perSecond)
  const others = new Map<SampleRow['verdict'], number>()
  for (const { verdict, perSecond } of sorted.slice(MAX_ROWS)) others.set(verdict, (others.get(verdict) ?? 0) + perSecond)
  const rest = Array.from(others, ([verdict, perSecond]) => ({ namespace: OTHER, policy: OTHER, limit: OTHER, verdict, perSecond }))
  return [...sorted.slice(0, MAX_ROWS), ...rest]
}
