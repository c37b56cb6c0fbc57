import type { Limit } from '@sluice/core'
import type { LimitSet } from '@sluice/core/adapter-kit'
import type { Choice, Chosen } from '../compile/select.ts'
import type { Selected } from './in-force.ts'
import { hasCost } from './plan.ts'
import { needsResponse } from './settlements.ts'
import type { Viewed } from './viewed.ts'

/** A limit that a request asks for itself: the number of the limits whose window is as long. */
export interface OwnLimit {
  readonly limit: number
  /** ms */
  readonly window: number
}

/** One of the requests that are decided together. */
export interface JointRequest<C> {
  readonly context: C
  /** Units of the limits whose cost the document does not say. */
  readonly units: number
  /** `peek`: it must be admitted, and takes nothing. `credit`: it gives its units back, if all others are admitted. */
  readonly how: 'charge' | 'peek' | 'credit'
  readonly own?: OwnLimit | undefined
}

/**
 * The charges of several requests as one list: each limit once for each subject, with the most units that a request asks of it. Which limits a
 * request has is in `charges`, by its place among the requests.
 */
export class JointCharges {
  readonly charges: (readonly number[])[] = []
  readonly subjects: string[] = []
  readonly costs: number[] = []
  readonly chosen: Chosen<Viewed>[] = []
  /** Limits that only the end of a request could correct or free, by name. */
  readonly skipped: string[] = []
  /** For each charge, the policy that has its limit. */
  private readonly sources: Choice<Viewed>[] = []
  private first: Selected | undefined

  /** Whether nothing is charged. */
  get isEmpty(): boolean {
    return this.subjects.length === 0
  }

  /** Adds the limits of the next request. */
  add(selected: Selected, { units, how, own }: Omit<JointRequest<unknown>, 'context'>): void {
    this.first ??= selected
    const before = this.subjects.length
    const indexes: number[] = []
    const { enforced } = selected.selection
    for (let i = 0; i < enforced.length; i++) {
      const choice = enforced[i] as Choice<Viewed>
      for (let j = 0; j < choice.limits.length; j++) {
        const chosen = withOwn(choice.limits[j] as Chosen<Viewed>, own)
        const { spec } = chosen.compiled
        // A unit of a queue belongs to the request that waits in it.
        if (needsResponse(spec) || (how === 'credit' && chosen.limit.queue === true)) {
          this.skipped.push(chosen.limit.name)
          continue
        }
        // Synchronous, since the requests have no body.
        const asked = hasCost(spec) ? (chosen.compiled.cost(selected.asked) as number) : units
        const cost = how === 'credit' ? -asked : asked
        const repeated = this.indexOf(chosen, before)
        if (repeated >= 0) this.tighten(repeated, chosen, cost)
        else this.push(choice, chosen, cost)
        indexes.push(repeated >= 0 ? repeated : this.subjects.length - 1)
      }
    }
    this.charges.push(indexes)
  }

  /** The limits of the list, as the engine decides them. */
  get set(): LimitSet {
    const { inForce, asked } = this.first as Selected
    return inForce.sets.of(this.choices(), 'enforce', asked.tier).set
  }

  private push(source: Choice<Viewed>, chosen: Chosen<Viewed>, cost: number): void {
    this.sources.push(source)
    this.chosen.push(chosen)
    this.subjects.push(chosen.subject)
    this.costs.push(cost)
  }

  /** The charge of the same limit and subject among those of the requests before; -1 if there is none. */
  private indexOf({ compiled, subject }: Chosen<Viewed>, before: number): number {
    for (let i = 0; i < before; i++) {
      if (this.subjects[i] === subject && (this.chosen[i] as Chosen<Viewed>).compiled.scope === compiled.scope) return i
    }
    return -1
  }

  /** Requests may give one limit other numbers and costs. The strictest of them hold. */
  private tighten(index: number, chosen: Chosen<Viewed>, cost: number): void {
    if (chosen.limit.limit < (this.chosen[index] as Chosen<Viewed>).limit.limit) this.chosen[index] = chosen
    if (Math.abs(cost) > Math.abs(this.costs[index] as number)) this.costs[index] = cost
  }

  /** The policies with their limits in this list, in its order. Nearly always those that were selected. */
  private choices(): readonly Choice<Viewed>[] {
    const { sources, chosen } = this
    const choices: Choice<Viewed>[] = []
    for (let start = 0; start < sources.length;) {
      const source = sources[start] as Choice<Viewed>
      let end = start
      let isSame = true
      while (end < sources.length && sources[end] === source) {
        isSame &&= chosen[end] === source.limits[end - start]
        end += 1
      }
      choices.push(isSame && end - start === source.limits.length ? source : { ...source, limits: chosen.slice(start, end) })
      start = end
    }
    return choices
  }
}

function withOwn(chosen: Chosen<Viewed>, own: OwnLimit | undefined): Chosen<Viewed> {
  if (own === undefined || chosen.limit.window !== own.window) return chosen
  const limit: Limit = chosen.compiled.amended({ limit: own.limit })
  return { ...chosen, limit, endsAt: undefined }
}
