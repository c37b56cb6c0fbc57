import type { Decision, Outcome } from '@sluice/core'
import { OTHER, policyOf } from '@sluice/core/store-kit'
import { type AnalyticsKeys, type BoardName, boardText, hourOf } from './keys.ts'
import { boundedText, chunksOf, COUNT_VIOLATIONS_SCRIPT, type CountMessage } from './message.ts'
import { SpaceSaving } from './space-saving.ts'

/** Subjects of a policy and mode that a process keeps between two messages. */
const SKETCH_SIZE = 1_000
/** Subjects of a board in Redis. */
const BOARD_SIZE = 10_000
/** Sketches of a process, so that limiters which are made without end take no memory without end. */
const MAX_SKETCHES = 100
/** Endpoints of a subject. */
const MAX_ENDPOINTS = 8
/** Hours that wait while Redis is away. */
const MAX_HOURS = 2

/** UTF-16 units. A longer subject is hidden when it is counted, since a client must not choose how much memory it takes. */
const MAX_SUBJECT = 256

interface Kept {
  /** Whether the sketch has the subject as Redis gets it. */
  isHidden: boolean
  /** By endpoint. `undefined` until one is known. */
  refusals: Map<string, number> | undefined
}

interface Sketch {
  readonly name: BoardName
  readonly counts: SpaceSaving<Kept>
}

/** Counts the subjects that this process refuses, in a bounded sketch for each hour, policy and mode. */
export class Violations {
  private readonly hide: (subject: string) => string
  private readonly hours = new Map<number, Map<string, Sketch>>()
  /** Refusals that were not counted, since there were too many sketches, or Redis was away too long. */
  private missed = 0
  /** Of the last refusal: many refusals in a row are by the same policy. */
  private last: { readonly hour: number; readonly sketch: Sketch } | undefined

  /** @param hide how Redis gets a subject */
  constructor(hide: (subject: string) => string) {
    this.hide = hide
  }

  /** @param endpoint '' if it is not known. @param now ms since the epoch */
  add(decision: Decision, endpoint: string, now: number): void {
    if (decision.verdict !== 'refused' && decision.verdict !== 'blocked') return
    const { charges, outcomes } = decision
    for (let i = 0; i < charges.length; i++) {
      if (!isRefusal(outcomes[i])) continue
      const { limit, subject } = charges[i] as Decision['charges'][number]
      const policy = policyOf(decision, limit)
      if (isCounted(decision, i, policy, subject)) continue
      const sketch = this.sketchOf(decision, policy, now)
      if (sketch === undefined) {
        this.missed += 1
        continue
      }
      const isLong = subject.length > MAX_SUBJECT
      const kept = sketch.counts.add(isLong ? this.hide(subject) : subject)
      kept.isHidden = isLong
      addEndpoint(kept, endpoint)
    }
  }

  /** How many refusals were not counted since the last call. */
  takeMissed(): number {
    const { missed } = this
    this.missed = 0
    return missed
  }

  /** What was counted since the last call, in messages. @param keep ms that a board lives after it was written */
  take(keys: AnalyticsKeys, keep: number): readonly CountMessage[] {
    const messages = [...this.hours].flatMap(([hour, sketches]) =>
      [...sketches.values()].flatMap((sketch) => messagesOf(sketch, hour, keys, this.hide, keep)),
    )
    this.hours.clear()
    this.last = undefined
    return messages
  }

  private sketchOf(decision: Decision, policy: string, now: number): Sketch | undefined {
    const hour = hourOf(now)
    const { last } = this
    if (last !== undefined && last.hour === hour && isOf(last.sketch.name, decision, policy)) return last.sketch
    const sketch = this.findSketch(decision, policy, hour)
    this.last = sketch && { hour, sketch }
    return sketch
  }

  private findSketch(decision: Decision, policy: string, hour: number): Sketch | undefined {
    const sketches = this.hours.get(hour) ?? this.begin(hour)
    const id = `${decision.policy} ${policy} ${decision.mode}`
    const known = sketches.get(id)
    if (known !== undefined || sketches.size >= MAX_SKETCHES) return known
    const name = { namespace: decision.policy, policy, mode: decision.mode }
    const sketch = { name, counts: new SpaceSaving<Kept>(SKETCH_SIZE, () => ({ isHidden: false, refusals: undefined })) }
    sketches.set(id, sketch)
    return sketch
  }

  private begin(hour: number): Map<string, Sketch> {
    const sketches = new Map<string, Sketch>()
    this.hours.set(hour, sketches)
    if (this.hours.size > MAX_HOURS) {
      const oldest = Math.min(...this.hours.keys())
      this.last = undefined
      for (const { counts } of this.hours.get(oldest)?.values() ?? []) this.missed += counts.total
      this.hours.delete(oldest)
    }
    return sketches
  }
}

function isOf(name: BoardName, { policy: namespace, mode }: Decision, policy: string): boolean {
  return name.namespace === namespace && name.policy === policy && name.mode === mode
}

/** A store that is away refuses nobody for what it has done. */
function isRefusal(outcome: Outcome | undefined): boolean {
  return outcome !== undefined && !outcome.allowed && outcome.source !== 'closed'
}

/** Whether an earlier charge of the policy has refused this subject. */
function isCounted(decision: Decision, before: number, policy: string, subject: string): boolean {
  for (let i = 0; i < before; i++) {
    const charge = decision.charges[i] as Decision['charges'][number]
    if (charge.subject === subject && isRefusal(decision.outcomes[i]) && policyOf(decision, charge.limit) === policy) return true
  }
  return false
}

function addEndpoint(detail: Kept, endpoint: string): void {
  if (endpoint === '') return
  const refusals = (detail.refusals ??= new Map())
  const known = refusals.get(endpoint)
  if (known !== undefined || refusals.size < MAX_ENDPOINTS) refusals.set(endpoint, (known ?? 0) + 1)
  else refusals.set(OTHER, (refusals.get(OTHER) ?? 0) + 1)
}

function messagesOf(
  { name, counts }: Sketch,
  hour: number,
  keys: AnalyticsKeys,
  hide: (subject: string) => string,
  keep: number,
): readonly CountMessage[] {
  return chunksOf(counts.list()).map((chunk) => ({
    namespace: name.namespace,
    script: COUNT_VIOLATIONS_SCRIPT,
    keys: [keys.board(name, hour), keys.endpoints(name, hour), keys.boards(name.namespace, hour)],
    args: () => [
      String(keep),
      String(BOARD_SIZE),
      boardText(name),
      ...chunk.flatMap(({ subject, count, detail }) => [detail.isHidden ? subject : hide(subject), String(count), linesOf(detail)]),
    ],
    counts: chunk.reduce((sum, { count }) => sum + count, 0),
  }))
}

function linesOf({ refusals }: Kept): string {
  return Array.from(refusals ?? [], ([endpoint, count]) => `${count} ${boundedText(endpoint)}\n`).join('')
}
