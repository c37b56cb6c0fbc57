import type { Limit } from '@sluice/core'
import { splitScope, stateNameOf } from '@sluice/core/store-kit'
import type { CountRecord } from './record.ts'
import { kindOf, type Shape, shapeOf } from './shape.ts'
import type { CollectKey } from './storage.ts'

interface Target {
  readonly scope: string
  readonly limit: Limit
}

/** A subject, and limits of its policy. */
export interface ExchangedSubject {
  readonly policy: string
  readonly subject: string
  readonly targets: readonly Target[]
}

/** A subject whose count may have changed. */
export interface Touched {
  readonly policy: string
  readonly subject: string
  /** The limits, and the shapes that another region sent. A state may be in it several times. */
  limits: readonly (Shape | Target)[]
  isForced: boolean
}

/** The most limits of a subject that are kept without a look at their states. */
const MAX_LIMITS = 32

/** The most limits in a scope that are remembered. Policies that change while the process runs can make any number. */
const MAX_KNOWN = 10_000

/** The fewest subjects of a limit that are noted before those that are there twice are removed. */
const MIN_NOTED = 32_768

/** A limit in its scope. */
interface Known {
  /** Another one for each limit, for a long time. */
  readonly id: number
  readonly policy: string
  readonly target: Target
  /** Only this limit: the list of most subjects, which they share. */
  readonly alone: readonly Target[]
  /** The subject of each decision, one after the other: to find an earlier note of each would cost as much as a fifth of the decision. */
  subjects: string[]
  /** How many subjects are noted before those that are there twice are removed. */
  full: number
}

/** The subjects whose counts may have changed since they were collected last. Each decision comes here, so it makes no object and no text. */
export class TouchedKeys {
  private policies = new Map<string, Map<string, Touched>>()
  /** By scope. Limits of different tiers may have one scope. */
  private readonly known = new Map<string, Map<Limit, Known>>()
  private knownCount = 0
  private nextId = 0
  private last: Known | undefined
  /** Those that have subjects. */
  private noted: Known[] = []
  private readonly onKnown: (target: Target) => void
  /** Units that were decided on, given back or not. */
  units = 0

  /** @param onKnown called with a limit before its first subject, and sometimes again */
  constructor(onKnown: (target: Target) => void) {
    this.onKnown = onKnown
  }

  /** Remembers a limit of a subject. Returns the id of the limit. */
  add({ limit, scope, subject }: Target & { readonly subject: string }, units: number): number {
    const { last } = this
    const known = last !== undefined && last.target.limit === limit && last.target.scope === scope ? last : this.knownOf(scope, limit)
    this.units += Math.abs(units)
    if (known.subjects.push(subject) === 1) this.noted.push(known)
    else if (known.subjects.length >= known.full) removeDoubles(known)
    return known.id
  }

  /** What another region has counted was applied, and this region's own count is not published. */
  touchRecord({ policy, subject, entries }: CountRecord): void {
    const shapes = entries.flatMap(({ text, N, P, burst }) => {
      const kind = kindOf(text)
      return kind === undefined ? [] : [{ text, kind, N, P, burst }]
    })
    extend(this.touch(policy, subject, []), shapes)
  }

  /** Each subject once, with all its limits. */
  take(): readonly Touched[] {
    for (const known of this.noted) {
      const { policy, target, alone } = known
      for (const subject of new Set(known.subjects)) {
        const touched = this.touch(policy, subject, alone)
        if (touched.limits !== alone && !touched.limits.includes(target)) extend(touched, alone)
      }
      known.subjects = []
      known.full = MIN_NOTED
    }
    this.noted = []
    const keys = Array.from(this.policies.values(), (subjects) => [...subjects.values()]).flat()
    this.policies = new Map()
    this.units = 0
    return keys
  }

  /** Puts a subject back that was not published. */
  putBack(key: Touched, isForced: boolean): void {
    const touched = this.touch(key.policy, key.subject, key.limits)
    if (touched.limits !== key.limits) touched.limits = distinct([...touched.limits, ...key.limits])
    touched.isForced ||= key.isForced || isForced
  }

  /** @param limits those of a subject that was not touched */
  private touch(policy: string, subject: string, limits: readonly (Shape | Target)[]): Touched {
    let subjects = this.policies.get(policy)
    if (subjects === undefined) this.policies.set(policy, (subjects = new Map()))
    let touched = subjects.get(subject)
    if (touched === undefined) subjects.set(subject, (touched = { policy, subject, limits, isForced: false }))
    return touched
  }

  private knownOf(scope: string, limit: Limit): Known {
    const known = this.known.get(scope)?.get(limit) ?? this.newKnown(scope, limit)
    this.last = known
    return known
  }

  private newKnown(scope: string, limit: Limit): Known {
    if (this.knownCount >= MAX_KNOWN) {
      this.known.clear()
      this.knownCount = 0
    }
    const target = { scope, limit }
    const id = (this.nextId = (this.nextId + 1) | 0)
    const known = { id, policy: splitScope(scope).policy, target, alone: [target], subjects: [], full: MIN_NOTED }
    const ofScope = this.known.get(scope)
    if (ofScope === undefined) this.known.set(scope, new Map([[limit, known]]))
    else ofScope.set(limit, known)
    this.knownCount += 1
    this.onKnown(target)
    return known
  }
}

function removeDoubles(known: Known): void {
  known.subjects = [...new Set(known.subjects)]
  known.full = Math.max(MIN_NOTED, 4 * known.subjects.length)
}

function extend(touched: Touched, limits: readonly (Shape | Target)[]): void {
  const all = [...touched.limits, ...limits]
  touched.limits = all.length > MAX_LIMITS ? distinct(all) : all
}

function textOf(limit: Shape | Target): string {
  return 'limit' in limit ? stateNameOf(limit) : limit.text
}

/** Each state once. A limit is preferred, since it says where its window starts. */
function distinct(limits: readonly (Shape | Target)[]): readonly (Shape | Target)[] {
  const found = new Map<string, Shape | Target>()
  for (const limit of limits) {
    const text = textOf(limit)
    const known = found.get(text)
    if (known === undefined || !('limit' in known)) found.set(text, limit)
  }
  return [...found.values()]
}

/** A subject that is published also if it was published before. */
export function forcedKey({ policy, subject, targets }: ExchangedSubject): Touched {
  return { policy, subject, limits: [...targets], isForced: true }
}

/** A subject as the store collects it. */
export function collectKeyOf({ policy, subject, limits, isForced }: Touched, now: number): CollectKey {
  const some = limits.length > 1 ? distinct(limits) : limits
  return { policy, subject, shapes: some.map((limit) => ('limit' in limit ? shapeOf(limit, now) : limit)), isForced }
}
