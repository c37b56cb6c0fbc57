import type { Charge, Clock } from '@sluice/core'
import { splitScope, stateNameOf } from '@sluice/core/store-kit'
import type { Exchange } from './exchange.ts'
import { grouped } from './grouped.ts'
import type { Regions } from './regions.ts'
import { shapeOf } from './shape.ts'
import type { ResetStorage } from './storage.ts'
import type { ExchangedSubject } from './touched-keys.ts'

/** The most subjects of a call. */
const MAX_SUBJECTS = 64

type Target = Pick<Charge, 'limit' | 'scope' | 'subject'>

interface ResetParts {
  readonly regions: Regions
  readonly storage: ResetStorage & { partitionOf(subject: string): number }
  readonly exchange: Exchange
  readonly clock: Clock
}

/** Resets of this region, which all regions shall make. */
export class Resets {
  private readonly parts: ResetParts

  constructor(parts: ResetParts) {
    this.parts = parts
  }

  /** Forgets what regions have counted of these limits, and publishes that at once. Rejects if the store could not do it. */
  async reset(targets: readonly Target[]): Promise<void> {
    const { regions, storage, exchange, clock } = this.parts
    const subjects = subjectsOf(targets.filter((target) => regions.exchangeOf(target) === 'exchanged'))
    const byPartition = grouped(subjects, ({ subject }) => storage.partitionOf(subject))
    for (const list of byPartition.values()) {
      for (let from = 0; from < list.length; from += MAX_SUBJECTS) {
        const now = clock.now()
        const some = list.slice(from, from + MAX_SUBJECTS)
        const keys = some.map(({ policy, subject, targets: own }) => ({ policy, subject, shapes: own.map((each) => shapeOf(each, now)) }))
        await storage.reset(keys, regions.keep)
        await exchange.publishAgain(some)
      }
    }
  }
}

/** The targets of each policy and subject, each state once. */
function subjectsOf(targets: readonly Target[]): readonly ExchangedSubject[] {
  const found = new Map<string, { readonly policy: string; readonly subject: string; readonly limits: Map<string, Target> }>()
  for (const target of targets) {
    const { subject } = target
    const { policy } = splitScope(target.scope)
    const name = `${policy}\n${subject}`
    const known = found.get(name) ?? { policy, subject, limits: new Map<string, Target>() }
    known.limits.set(stateNameOf(target), target)
    found.set(name, known)
  }
  return Array.from(found.values(), ({ policy, subject, limits }) => ({ policy, subject, targets: [...limits.values()] }))
}
