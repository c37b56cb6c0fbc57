import { inMicrotask } from '../clock.ts'
import type { ObserverHub } from '../observers.ts'

// Finds limiters that are made in a request handler. Each of them decides one request, in the turn of the event loop in which it was
// made. Such a limiter never refuses, unless its state is in a store that others share.

const NEW = 0
const DECIDED_ONCE = 1
const OLD = 2

/** How many limiters of one definition in a row decide one request each, before the warning. */
const MANY = 10
const MAX_DEFINITIONS = 1_000
const counts = new Map<string, number>()

/** The age of a limiter, as far as it shows where the limiter was made. */
export class Age {
  private age = NEW
  private readonly definition: string
  private readonly observers: ObserverHub

  constructor(definition: string, observers: ObserverHub) {
    this.definition = definition
    this.observers = observers
    inMicrotask(() => {
      if (this.age === NEW) this.age = OLD
    })
  }

  /** Call it at each decision. */
  decides(): void {
    if (this.age !== OLD) this.grow()
  }

  private grow(): void {
    if (this.age === DECIDED_ONCE) {
      this.age = OLD
      counts.delete(this.definition)
      return
    }
    this.age = DECIDED_ONCE
    const count = (counts.get(this.definition) ?? 0) + 1
    if (counts.size >= MAX_DEFINITIONS) counts.clear()
    counts.set(this.definition, count)
    if (count === MANY) {
      this.observers.warn(
        'WARN_LIMITER_PER_REQUEST',
        `${MANY} limiters with this definition have decided one request each, so they were probably made in a request handler, where they do not limit; make the limiter once, outside of the handler`,
      )
    }
  }
}
