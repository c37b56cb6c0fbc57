import type { Limit } from '@sluice/core'
import { stateNameOf } from '@sluice/core/store-kit'
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
  /** By name of the state: the limit, or the shape that another region sent. */
  readonly limits: Map<string, Shape | Target>
  units: number
  isForced: boolean
}

/** The subjects whose counts may have changed since they were collected last. */
export class TouchedKeys {
  private keys = new Map<string, Touched>()

  /** Units that were decided on. */
  get units(): number {
    let units = 0
    for (const key of this.keys.values()) units += Math.abs(key.units)
    return units
  }

  touch(policy: string, subject: string): Touched {
    const name = `${policy}\n${subject}`
    let touched = this.keys.get(name)
    if (touched === undefined) this.keys.set(name, (touched = { policy, subject, limits: new Map(), units: 0, isForced: false }))
    return touched
  }

  /** What another region has counted was applied, and this region's own count is not published. */
  touchRecord({ policy, subject, entries }: CountRecord): void {
    const touched = this.touch(policy, subject)
    for (const { text, N, P, burst } of entries) {
      const name = text.slice(0, text.lastIndexOf('.'))
      const kind = kindOf(text)
      if (kind !== undefined && !touched.limits.has(name)) touched.limits.set(name, { text, kind, N, P, burst })
    }
  }

  take(): readonly Touched[] {
    const keys = [...this.keys.values()]
    this.keys = new Map()
    return keys
  }

  /** Puts a subject back that was not published. */
  putBack(key: Touched, isForced: boolean): void {
    const touched = this.touch(key.policy, key.subject)
    for (const [text, limit] of key.limits) if (!touched.limits.has(text)) touched.limits.set(text, limit)
    touched.isForced ||= key.isForced || isForced
  }
}

/** A subject that is published also if it was published before. */
export function forcedKey({ policy, subject, targets }: ExchangedSubject): Touched {
  return { policy, subject, limits: new Map(targets.map((target) => [stateNameOf(target), target])), units: 0, isForced: true }
}

/** A subject as the store collects it. */
export function collectKeyOf({ policy, subject, limits, isForced }: Touched, now: number): CollectKey {
  const shapes = Array.from(limits.values(), (limit) => ('limit' in limit ? shapeOf(limit, now) : limit))
  return { policy, subject, shapes, isForced }
}
