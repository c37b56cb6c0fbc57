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
  units: number
  isForced: boolean
}

/** The most limits of a subject that are kept without a look at their states. */
const MAX_LIMITS = 32

/** The most scopes that are remembered. Policies that change while the process runs can make any number. */
const MAX_SCOPES = 10_000

/** A limit in its scope, made once: a charge that is kept would cost more than the decision. */
interface Known {
  readonly policy: string
  readonly target: Target
  /** Only this limit: the list of most subjects, which they share. */
  readonly alone: readonly Target[]
}

/** The subjects whose counts may have changed since they were collected last. Each decision comes here, so it makes no text. */
export class TouchedKeys {
  private policies = new Map<string, Map<string, Touched>>()
  private readonly known = new Map<string, Known>()
  private last: Known | undefined
  private readonly onKnown: (target: Target) => void

  /** @param onKnown called with a limit before its first subject, and sometimes again */
  constructor(onKnown: (target: Target) => void) {
    this.onKnown = onKnown
  }

  /** Units that were decided on. */
  get units(): number {
    let units = 0
    for (const subjects of this.policies.values()) for (const key of subjects.values()) units += Math.abs(key.units)
    return units
  }

  /** Remembers a limit of a subject. */
  add({ limit, scope, subject }: Target & { readonly subject: string }): Touched {
    const { last } = this
    const known = last !== undefined && last.target.scope === scope && last.target.limit === limit ? last : this.knownOf(scope, limit)
    const touched = this.touch(known.policy, subject, known.alone)
    if (touched.limits !== known.alone && !touched.limits.includes(known.target)) extend(touched, [known.target])
    return touched
  }

  /** What another region has counted was applied, and this region's own count is not published. */
  touchRecord({ policy, subject, entries }: CountRecord): void {
    const shapes = entries.flatMap(({ text, N, P, burst }) => {
      const kind = kindOf(text)
      return kind === undefined ? [] : [{ text, kind, N, P, burst }]
    })
    extend(this.touch(policy, subject, []), shapes)
  }

  take(): readonly Touched[] {
    const keys = Array.from(this.policies.values(), (subjects) => [...subjects.values()]).flat()
    this.policies = new Map()
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
    if (touched === undefined) subjects.set(subject, (touched = { policy, subject, limits, units: 0, isForced: false }))
    return touched
  }

  private knownOf(scope: string, limit: Limit): Known {
    let known = this.known.get(scope)
    if (known?.target.limit !== limit) {
      const target = { scope, limit }
      known = { policy: splitScope(scope).policy, target, alone: [target] }
      if (this.known.size >= MAX_SCOPES) this.known.clear()
      this.known.set(scope, known)
      this.onKnown(target)
    }
    this.last = known
    return known
  }
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
  return { policy, subject, limits: [...targets], units: 0, isForced: true }
}

/** A subject as the store collects it. */
export function collectKeyOf({ policy, subject, limits, isForced }: Touched, now: number): CollectKey {
  const some = limits.length > 1 ? distinct(limits) : limits
  return { policy, subject, shapes: some.map((limit) => ('limit' in limit ? shapeOf(limit, now) : limit)), isForced }
}
