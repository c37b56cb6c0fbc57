import type { Clock, MaybePromise, Store } from '@sluice/core'
import { fakeClock } from '../fake-clock.ts'
import type { AppSpec, Heard, Reader } from './adapter.ts'
import { httpCases } from './cases/index.ts'
import { ServerStage, START } from './stage.ts'

export interface CaseServerOptions<App> {
  readonly read: Reader
  /** The app of a case. */
  make(spec: AppSpec): App
  /** By the names that the tests call them: a store for one case, by its clock. */
  readonly stores: Readonly<Record<string, (clock: Clock) => MaybePromise<Store>>>
  /**
   * Waits a moment, for runtimes that take a request which waits for another request for one that hangs. Without it, a
   * handler at a gate waits for a promise alone.
   */
  readonly pause?: (() => Promise<void>) | undefined
}

/** The server's side, driven by lines of text, one case after the other. */
export interface CaseServer<App> {
  /** What the other side asks, as it comes by POST to `CONTROL`; resolves with the answer. */
  control(command: string): Promise<string>
  /** The app of the case that runs. */
  app(): App
  /** To be called with each error that nobody handled. */
  unhandled(error: unknown): void
}

/** What remoteAdapter() asks, as JSON. */
export type Command =
  | { readonly do: 'start'; readonly id: string; readonly store: string }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'open'; readonly gate: string }
  | { readonly do: 'heard' }
  | { readonly do: 'end' }

export interface Told extends Heard {
  readonly unhandled: readonly string[]
}

/** The path of control, on the port of the app: no case asks for it. */
export const CONTROL = '/.sluice/control'

/** Builds the apps of httpConformance() in this process, as the tests in another one ask for them. */
export function caseServer<App>({ read, make, stores, pause }: CaseServerOptions<App>): CaseServer<App> {
  let current: { readonly app: App; readonly stage: ServerStage; readonly store: Store } | undefined
  let unhandled: string[] = []

  const start = async (id: string, name: string): Promise<void> => {
    const each = httpCases.find((one) => one.name === id)
    const makeStore = stores[name]
    if (each === undefined || makeStore === undefined) throw new Error(`There is no case "${id}", or no store "${name}".`)
    const clock = fakeClock(START)
    const store = await makeStore(clock)
    const stage = new ServerStage(read, clock, store, pause)
    current = { app: make(stage.app(id, each.scene(stage))), stage, store }
    unhandled = []
  }

  const running = () => {
    if (current === undefined) throw new Error('No case has been started.')
    return current
  }

  const run = async (command: Command): Promise<void> => {
    switch (command.do) {
      case 'start':
        return start(command.id, command.store)
      case 'advance':
        return running().stage.advance(command.ms)
      case 'open':
        return running().stage.open(command.gate)
      case 'end':
        running().stage.end()
        return running().store.close?.()
      case 'heard':
        return undefined
    }
  }

  return {
    async control(text) {
      await run(JSON.parse(text) as Command)
      const told: Told = { ...running().stage.heard(), unhandled }
      return JSON.stringify(told)
    },
    app: () => running().app,
    unhandled: (error) => void unhandled.push(error instanceof Error ? (error.stack ?? error.message) : String(error)),
  }
}
