import { type Clock, systemClock } from '@sluice/core'
import {
  type BlockEvent,
  type BlockRecord,
  type BlockSnapshot,
  type BlockStorage,
  type BlockTarget,
  endpointsIn,
  type EscalationRule,
  knownOptions,
  type ManualBlock,
  type ReportAnswer,
  type SourceSignal,
  type StrikeReport,
  type TargetHistory,
} from '@sluice/core/store-kit'
import { breaks, budgetOf, type Counting, counted, type LastBlock, nextLevel, recordOf } from './escalation.ts'
import { idOf } from './target.ts'

/** The options of `memoryBlockStorage`. */
export interface MemoryBlockStorageOptions {
  /** Where time comes from, for tests. Default: the clock of the system. */
  readonly clock?: Clock | undefined
}

const MINUTE = 60_000
/** Subjects whose strikes, or whose last block, are remembered. Beyond it the oldest are forgotten. */
const MAX_REMEMBERED = 100_000
/** Changes that a watch can be behind. */
const MAX_CHANGES = 1_000

type Change = Exclude<BlockEvent, { type: 'progress' }>

/**
 * Keeps a block list in the memory of this process, for a program of one process and for tests. Several lists may share it: it then behaves
 * as the storage of several processes.
 * @throws ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { blockList, memoryBlockStorage } from '@sluice/blocklist'
 *
 * const storage = memoryBlockStorage()
 * const [one, other] = [blockList({ storage }), blockList({ storage })]
 * await other.ready()
 * await one.block('203.0.113.7', '1m')
 * console.log(other.check([], '203.0.113.7')?.rule) // manual
 * ```
 */
export function memoryBlockStorage(options: MemoryBlockStorageOptions = {}): BlockStorage {
  knownOptions('memoryBlockStorage', options, ['clock'])
  return new MemoryBlockStorage(options.clock ?? systemClock)
}

class MemoryBlockStorage implements BlockStorage {
  readonly name = 'memory'
  private readonly clock: Clock
  private readonly records = new Map<string, BlockRecord>()
  private readonly countings = new Map<string, Counting>()
  private readonly lasts = new Map<string, LastBlock>()
  private readonly revisions = new Map<string, { readonly revision: number; readonly at: number }>()
  private readonly watchers = new Set<() => void>()
  private changes: Change[] = []
  private cursor = 0
  private minute = 0
  private blocked = 0
  /** Of this minute and of the one before, the most that one process served. */
  private active: readonly [now: number, before: number] = [0, 0]

  constructor(clock: Clock) {
    this.clock = clock
  }

  async load(): Promise<BlockSnapshot> {
    this.sweep()
    return { cursor: String(this.cursor), records: [...this.records.values()] }
  }

  watch(cursor: string, emit: (event: BlockEvent) => void, signal: SourceSignal): Promise<void> {
    let at = Number(cursor)
    return new Promise((resolve) => {
      const pass = (): void => {
        const missing = this.cursor - at
        if (missing > this.changes.length) end()
        else for (const change of this.changes.slice(this.changes.length - missing)) emit(change)
        at = this.cursor
      }
      const end = (): void => {
        this.watchers.delete(pass)
        resolve()
      }
      if (signal.aborted) return resolve()
      this.watchers.add(pass)
      signal.addEventListener('abort', end, { once: true })
      pass()
      emit({ type: 'progress', cursor: String(at) })
    })
  }

  async report(reports: readonly StrikeReport[], rule: EscalationRule): Promise<ReportAnswer> {
    const now = this.clock.now()
    this.sweep()
    this.startMinute(Math.floor(now / MINUTE), rule.active)
    const blocked: BlockRecord[] = []
    let overBudget = 0
    let full = 0
    for (const report of reports) {
      const id = idOf(report)
      const counting = counted(this.countings.get(id), report, rule.window, now)
      remember(this.countings, id, counting)
      if (!breaks(counting, rule) || !mayBlock(this.records.get(id), rule)) continue
      if (this.blocked >= budgetOf(rule, Math.max(...this.active))) overBudget += 1
      else if (this.records.size >= rule.maxEntries && !this.records.has(id)) full += 1
      else blocked.push(this.block(id, report, counting, rule, now))
    }
    return { blocked, overBudget, full }
  }

  async put({ kind, name, effect, reason, duration, maxEntries }: ManualBlock): Promise<BlockRecord | 'allowed' | 'full'> {
    this.sweep()
    const now = this.clock.now()
    const id = idOf({ kind, name })
    const before = this.records.get(id)
    if (before?.effect === 'allow' && effect !== 'allow') return 'allowed'
    if (before === undefined && this.records.size >= maxEntries) return 'full'
    const record = { kind, name, effect, rule: 'manual', since: now, until: now + duration, level: 0, evidence: undefined, reason }
    this.records.set(id, record)
    this.countings.delete(id)
    this.emit({ type: 'put', record, cursor: this.nextCursor() })
    return record
  }

  async remove(target: BlockTarget, kind: 'block' | 'allow'): Promise<boolean> {
    this.sweep()
    const id = idOf(target)
    const record = this.records.get(id)
    if (kind === 'block') {
      this.lasts.delete(id)
      this.lasts.delete(`~${id}`)
      this.countings.delete(id)
    }
    if (record === undefined || (record.effect === 'allow') !== (kind === 'allow')) return false
    this.records.delete(id)
    this.emit({ type: 'remove', target: { kind: target.kind, name: target.name }, cursor: this.nextCursor() })
    return true
  }

  async history(target: BlockTarget): Promise<TargetHistory> {
    this.sweep()
    const id = idOf(target)
    const counting = this.countings.get(id)
    const level = Math.max(this.lasts.get(id)?.level ?? 0, this.lasts.get(`~${id}`)?.level ?? 0)
    const evidence = counting && { ...counting, endpoints: endpointsIn(counting.endpoints) }
    return { record: this.records.get(id), evidence, level }
  }

  async revisionAge(policy: string, revision: number): Promise<number> {
    const now = this.clock.now()
    const known = this.revisions.get(policy)
    if (known === undefined) remember(this.revisions, policy, { revision, at: -Infinity })
    else if (revision > known.revision) remember(this.revisions, policy, { revision, at: now })
    return now - (this.revisions.get(policy)?.at ?? now)
  }

  private block(id: string, report: StrikeReport, counting: Counting, rule: EscalationRule, now: number): BlockRecord {
    // A rule in shadow must not lengthen the blocks of one that is enforced.
    const key = rule.effect === 'shadow' ? `~${id}` : id
    const record = recordOf(report, counting, rule, nextLevel(this.lasts.get(key), rule, now), now)
    this.blocked += 1
    this.records.set(id, record)
    remember(this.lasts, key, { level: record.level, until: record.until })
    this.countings.delete(id)
    this.emit({ type: 'put', record, cursor: this.nextCursor() })
    return record
  }

  private startMinute(minute: number, active: number): void {
    if (minute !== this.minute) {
      this.active = [active, minute === this.minute + 1 ? this.active[0] : 0]
      this.blocked = 0
      this.minute = minute
    } else this.active = [Math.max(this.active[0], active), this.active[1]]
  }

  private sweep(): void {
    const now = this.clock.now()
    for (const [id, { until }] of this.records) if (until <= now) this.records.delete(id)
  }

  private nextCursor(): string {
    this.cursor += 1
    return String(this.cursor)
  }

  private emit(change: Change): void {
    this.changes.push(change)
    if (this.changes.length > MAX_CHANGES) this.changes = this.changes.slice(-MAX_CHANGES / 2)
    for (const pass of this.watchers) pass()
  }
}

/** Whether a subject with this entry may be blocked by the rule: a block in shadow does not stand in the way of one that is enforced. */
function mayBlock(record: BlockRecord | undefined, rule: EscalationRule): boolean {
  return record === undefined || (record.effect === 'shadow' && rule.effect !== 'shadow')
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > MAX_REMEMBERED) map.delete(map.keys().next().value as string)
}
