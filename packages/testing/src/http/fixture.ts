import type { Observers, RequestLimiter, Store } from '@sluice/core'
import type { FakeClock } from '../fake-clock.ts'
import type { AppSpec, ServerControl, ServerLog, Mount, ContextReader, AppParts, Fixture } from './adapter.ts'
import { observedStore } from './observed-store.ts'

/** 2027-01-15 08:00:00 UTC in ms. Windows of a second, a minute and an hour begin here. */
export const START = 1_800_000_000_000

interface Gate {
  readonly promise: Promise<void>
  isOpen: boolean
  open(): void
}

/** The server's side of one case. It runs in the process of the server. */
export class ServerFixture implements Fixture, ServerControl {
  readonly read: ContextReader
  readonly clock: FakeClock
  store: Store
  private readonly limiters = new Map<Mount, RequestLimiter<any>>()
  private readonly gates = new Map<string, Gate>()
  private readonly recorded = { notes: [] as string[], changes: [] as string[], warnings: [] as string[], errors: [] as string[] }
  private readonly pause: (() => Promise<void>) | undefined
  private ended = false

  constructor(read: ContextReader, clock: FakeClock, store: Store, pause?: () => Promise<void>) {
    this.pause = pause
    this.read = read
    this.clock = clock
    this.store = observedStore(store, (change) => this.recorded.changes.push(change))
  }

  limits(options: Mount): Mount {
    return { ...this.observed(), ...options }
  }

  observed(): { readonly store: Store; readonly on: Observers } {
    return { store: this.store, on: { warning: ({ code }) => this.recorded.warnings.push(code) } }
  }

  note(text: string): void {
    this.recorded.notes.push(text)
  }

  limiterOf(mount: Mount): RequestLimiter<any> {
    const limiter = this.limiters.get(mount)
    if (limiter === undefined) throw new Error('the adapter of the test has not called onLimiter')
    return limiter
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

  log(): ServerLog {
    const { notes, changes, warnings, errors } = this.recorded
    return { notes: [...notes], changes: [...changes], warnings: [...warnings], errors: [...errors] }
  }

  /** The complete app of a case: the case's own parts, defaults for all others, and a route `/`. */
  appSpec(id: string, parts: AppParts): AppSpec {
    const onError = (error: unknown) => void this.recorded.errors.push(error instanceof Error ? error.message : String(error))
    const onLimiter = (mount: Mount, limiter: RequestLimiter<any>) => void this.limiters.set(mount, limiter)
    const home = { path: '/', answer: () => ({ json: { ok: true } }) }
    const routes = [...(parts.routes ?? []), home]
    return {
      id,
      use: [],
      parse: false,
      trust: false,
      http2: false,
      early: undefined,
      before: undefined,
      ...parts,
      routes,
      onError,
      onLimiter,
    }
  }

  /** Opens every gate, so that no handler waits any longer. */
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
