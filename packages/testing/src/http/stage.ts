import type { Charge, ConsumeOptions, MaybePromise, Outcome, Store } from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'
import type { FakeClock } from '../fake-clock.ts'
import type { AppSpec, Control, Heard, Mount, Reader, Scene, Stage } from './adapter.ts'

/** 2027-01-15 08:00:00 UTC, where windows of a second, a minute and an hour begin. */
export const START = 1_800_000_000_000

interface Gate {
  readonly promise: Promise<void>
  isOpen: boolean
  open(): void
}

/** The server's side of one case, in the process of the server. */
export class ServerStage implements Stage, Control {
  readonly read: Reader
  readonly clock: FakeClock
  store: Store
  private readonly gates = new Map<string, Gate>()
  private readonly told = { notes: [] as string[], changes: [] as string[], warnings: [] as string[], errors: [] as string[] }
  private readonly pause: (() => Promise<void>) | undefined
  private ended = false

  constructor(read: Reader, clock: FakeClock, store: Store, pause?: () => Promise<void>) {
    this.pause = pause
    this.read = read
    this.clock = clock
    this.store = watched(store, (change) => this.told.changes.push(change))
  }

  limits(options: Mount): Mount {
    return { store: this.store, on: { warning: (event) => this.told.warnings.push('code' in event ? event.code : event.type) }, ...options }
  }

  note(text: string): void {
    this.told.notes.push(text)
  }

  async gate(name: string): Promise<void> {
    const gate = this.gateOf(name)
    if (this.pause === undefined) await gate.promise
    else while (!gate.isOpen) await this.pause()
  }

  advance(ms: number): void {
    this.clock.advance(ms)
  }

  open(name: string): void {
    this.gateOf(name).open()
  }

  heard(): Heard {
    const { notes, changes, warnings, errors } = this.told
    return { notes: [...notes], changes: [...changes], warnings: [...warnings], errors: [...errors] }
  }

  /** The app of a case, complete. */
  app(id: string, scene: Scene): AppSpec {
    const failed = (error: unknown) => void this.told.errors.push(error instanceof Error ? error.message : String(error))
    const plain = { path: '/', answer: () => ({ json: { ok: true } }) }
    const routes = [...(scene.routes ?? []), plain]
    return { id, use: [], parse: false, trust: false, early: undefined, ...scene, routes, failed }
  }

  /** Lets every handler go that still waits. */
  end(): void {
    this.ended = true
    for (const gate of this.gates.values()) gate.open()
  }

  private gateOf(name: string): Gate {
    const known = this.gates.get(name)
    if (known !== undefined) return known
    let resolve = (): void => undefined
    const promise = new Promise<void>((done) => (resolve = done))
    const gate: Gate = {
      promise,
      isOpen: false,
      open() {
        gate.isOpen = true
        resolve()
      },
    }
    if (this.ended) gate.open()
    this.gates.set(name, gate)
    return gate
  }
}

/** The store, telling what it is asked besides decisions, once that is done. */
function watched(store: Store, tell: (change: string) => void): Store {
  const changes = (charges: readonly Charge[], options: ConsumeOptions | undefined) => {
    for (const { cost, receipt } of charges) {
      if (cost < 0) tell(`back ${-cost}`)
      else if (receipt !== undefined) tell('renew')
      else if (options?.how === 'force') tell(`force ${cost}`)
    }
  }
  const consume = (charges: readonly Charge[], options?: ConsumeOptions): MaybePromise<readonly (Outcome | undefined)[]> => {
    const outcomes = store.consume(charges, options)
    if (!isPromise(outcomes)) {
      changes(charges, options)
      return outcomes
    }
    return outcomes.then((later) => {
      changes(charges, options)
      return later
    })
  }
  return {
    name: store.name,
    consume,
    reset: (targets) => store.reset(targets),
    close: () => store.close?.(),
    health: () => store.health?.() ?? { tier: store.name, breaker: 'closed' },
    subscribe: (listener) => store.subscribe?.(listener) ?? (() => undefined),
  }
}
