import type { Charge, Clock, Limit, Outcome } from '@sluice/core'
import { type BucketState, decide, type FixedWindowState, type SlidingWindowState } from '@sluice/core/algorithms'
import { stateNameOf } from '@sluice/core/store-kit'
import type { Applied, CollectKey, CountRecord, Ledger, Numbers, RecordSource, RegionsModule, RegionStorage, Terms } from './types.ts'

/** A value, or a ledger, with the µs until which it is kept. */
interface Kept<T> {
  readonly value: T
  readonly until: number
}

/** What happens to a call whose process, or connection, ends in the middle. */
export type Break = 'none' | 'before' | 'between' | 'after'

/** The store of one region: what Redis would keep, and what its scripts would do, with the steps of @sluice/regions. */
export class ModelStore implements RegionStorage {
  /** Called for each apply: how the call ends. */
  breakOf: () => Break = () => 'none'
  /** Observes what was collected and applied. */
  onCollect: (record: CountRecord) => void = () => undefined
  onApply: (record: CountRecord, source: RecordSource, result: Applied['result']) => void = () => undefined
  private readonly regions: RegionsModule
  private readonly clock: Clock
  private readonly keep: number
  private readonly isAtomic: boolean
  private values = new Map<string, Kept<ReadonlyMap<string, Numbers>>>()
  private ledgers = new Map<string, Kept<Ledger>>()

  /** @param keep ms */
  constructor(regions: RegionsModule, clock: Clock, keep: number, isAtomic: boolean) {
    this.regions = regions
    this.clock = clock
    this.keep = keep
    this.isAtomic = isAtomic
  }

  get now(): number {
    return Math.round(this.clock.now() * 1000)
  }

  /** Forgets everything, as FLUSHALL does. */
  flush(): void {
    this.values = new Map()
    this.ledgers = new Map()
  }

  /** The numbers of a state; `undefined` if it is absent. */
  read(policy: string, subject: string, text: string): Numbers | undefined {
    return this.valueOf(keyOf(policy, subject)).get(text)
  }

  /** Decides charges of one policy and subject. */
  decide(policy: string, charges: readonly Charge[], how: 'charge' | 'force' = 'charge'): readonly Outcome[] {
    const key = keyOf(policy, charges[0]?.subject ?? '')
    const states = this.valueOf(key)
    const texts = charges.map((charge) => stateNameOf(charge))
    const current = charges.map(({ limit }, i) => stateFrom(limit, states.get(texts[i] as string)))
    const { outcomes, states: after } = decide(charges, texts, current, this.now, how === 'force' ? { how } : {})
    if (after === undefined) return outcomes
    const changed = new Map(states)
    charges.forEach(({ limit }, i) => {
      const text = texts[i] as string
      const granted = outcomes[i]?.granted ?? 0
      if (after[i] === undefined) return
      const numbers = numbersOf(limit, after[i])
      changed.set(text, numbers)
      if (limit.algorithm !== 'tokenBucket') return
      const name = this.regions.takenName(text)
      const taken = this.regions.takenAfter(states.get(name), granted, Math.max(numbers[0], this.now), this.keep, this.now)
      if (taken === undefined) changed.delete(name)
      else changed.set(name, taken)
    })
    this.setValue(key, changed)
    return outcomes
  }

  reset(policy: string, charges: readonly Charge[], terms: Terms): void {
    const key = keyOf(policy, charges[0]?.subject ?? '')
    const now = this.clock.now()
    const shapes = charges.map((charge) => this.regions.shapeOf(charge, now))
    const data = { states: this.valueOf(key), ledger: this.ledgerOf(key) }
    const changes = this.regions.reset(shapes, data, terms, this.now)
    this.change(key, changes.states)
    this.setLedger(key, changes.ledger)
  }

  partitionOf(): number {
    return 0
  }

  collect(keys: readonly CollectKey[], terms: Terms): ReturnType<RegionStorage['collect']> {
    return keys.map((collectKey) => {
      const key = keyOf(collectKey.policy, collectKey.subject)
      const collected = this.regions.collect(collectKey, { states: this.valueOf(key), ledger: this.ledgerOf(key) }, terms, this.now)
      if (collected.result !== 'record') return collected
      this.change(key, collected.changes.states)
      this.setLedger(key, collected.changes.ledger)
      this.onCollect(collected.record)
      return { result: collected.result, record: collected.record }
    })
  }

  apply(records: readonly CountRecord[], source: RecordSource, terms: Terms): readonly Applied[] {
    return records.map((record) => this.applyOne(record, source, terms))
  }

  private applyOne(record: CountRecord, source: RecordSource, terms: Terms): Applied {
    const end = this.breakOf()
    if (end === 'before') throw new Error('the connection ended before the call')
    const key = keyOf(record.policy, record.subject)
    const { changes, ...applied } = this.regions.apply(
      record,
      source,
      { states: this.valueOf(key), ledger: this.ledgerOf(key) },
      terms,
      this.now,
    )
    if (changes !== undefined) {
      this.change(key, changes.states)
      if (end === 'between' && !this.isAtomic) throw new Error('the process ended between the two steps')
      this.setLedger(key, changes.ledger)
    }
    this.onApply(record, source, applied.result)
    if (end === 'after') throw new Error('the connection ended before the reply')
    return applied
  }

  private valueOf(key: string): ReadonlyMap<string, Numbers> {
    const kept = this.values.get(key)
    if (kept === undefined || kept.until <= this.now) return new Map()
    return kept.value
  }

  private ledgerOf(key: string): Ledger {
    const kept = this.ledgers.get(key)
    return kept === undefined || kept.until <= this.now ? this.regions.NO_LEDGER : kept.value
  }

  private change(key: string, changed: ReadonlyMap<string, Numbers | undefined>): void {
    if (changed.size === 0) return
    const states = new Map(this.valueOf(key))
    for (const [text, numbers] of changed) {
      if (numbers === undefined) states.delete(text)
      else states.set(text, numbers)
    }
    this.setValue(key, states)
  }

  /** Entries that have ended are dropped when a value is written. */
  private setValue(key: string, states: ReadonlyMap<string, Numbers>): void {
    const left = new Map([...states].filter(([, [first]]) => first >= this.now))
    const until = [...left.values()].reduce((latest, [first]) => Math.max(latest, first), 0)
    this.values.set(key, { value: left, until: (Math.floor(until / 1000) + 1) * 1000 })
  }

  private setLedger(key: string, ledger: Ledger): void {
    this.ledgers.set(key, { value: ledger, until: this.regions.ledgerUntil(ledger) })
  }
}

function keyOf(policy: string, subject: string): string {
  return `${policy}:${subject}`
}

/** A state of the algorithms from the numbers that Redis keeps. */
function stateFrom(limit: Limit, numbers: Numbers | undefined): unknown {
  if (numbers === undefined) return undefined
  const [first, second, third] = numbers
  const window = limit.window as number
  if (limit.algorithm === 'fixedWindow') return { start: first / 1000 - window, count: second } satisfies FixedWindowState
  if (limit.algorithm === 'slidingWindow') {
    return { start: first / 1000 - 2 * window, count: second, previous: third } satisfies SlidingWindowState
  }
  return { full: first, rest: second, rate: third } satisfies BucketState
}

function numbersOf(limit: Limit, state: unknown): Numbers {
  const window = limit.window as number
  if (limit.algorithm === 'fixedWindow') {
    const { start, count } = state as FixedWindowState
    return [(start + window) * 1000, count, 0]
  }
  if (limit.algorithm === 'slidingWindow') {
    const { start, count, previous } = state as SlidingWindowState
    return [(start + 2 * window) * 1000, count, previous]
  }
  const { full, rest, rate } = state as BucketState
  return [full, rest, rest > 0 ? rate : 0]
}
