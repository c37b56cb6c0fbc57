import type { Clock, MaybePromise, Store } from '@sluice/core'
import { fakeClock } from '../fake-clock.ts'
import type { AppSpec, ServerLog, ContextReader } from './adapter.ts'
import { httpCases } from './cases/index.ts'
import { ServerFixture, START } from './fixture.ts'

export interface CaseServerOptions<App> {
  /** Reads requests of the framework. */
  readonly read: ContextReader
  /** Creates the app of a case. */
  make(spec: AppSpec): App
  /** Factories by the names that the tests use. Each creates a store for one case, which reads time from the clock. */
  readonly stores: Readonly<Record<string, (clock: Clock) => MaybePromise<Store>>>
  /**
   * Waits a moment. Needed in runtimes such as workerd, which cancel a request that waits only for another request: with it,
   * a handler at a gate polls. Default: a handler at a gate waits for a promise.
   */
  readonly pause?: (() => Promise<void>) | undefined
}

/** The server's side of httpConformance(): runs one case after the other. */
export interface CaseServer<App> {
  /** Handles the body of a POST to `CONTROL_PATH`. Resolves with the body of the response. */
  control(command: string): Promise<string>
  /** The app of the current case. It handles all other requests. */
  app(): App
  /** Call this with each unhandled error and rejection of the process. */
  unhandled(error: unknown): void
}

/** What remoteAdapter() sends, as JSON. */
export type Command =
  | { readonly do: 'start'; readonly id: string; readonly store: string }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'open'; readonly gate: string }
  | { readonly do: 'log' }
  | { readonly do: 'end' }

/** What the server answers to each command, as JSON. */
export interface ServerReport extends ServerLog {
  readonly unhandled: readonly string[]
}

/** Commands are POSTed to this path of the app's server. No case requests it. */
export const CONTROL_PATH = '/.sluice/control'

/**
 * The server's side of httpConformance(), for a framework that runs in another process or runtime than the tests. The tests
 * drive it with `remoteAdapter()`.
 *
 * @example
 * ```ts
 * import { memoryStore } from '@sluice/core'
 * import { type AppSpec, caseServer, CONTROL_PATH, type ContextReader } from '@sluice/testing/http'
 *
 * declare const read: ContextReader
 * declare const appOf: (spec: AppSpec) => (request: Request) => Promise<Response>
 *
 * const server = caseServer({ read, make: appOf, stores: { memory: (clock) => memoryStore({ clock }) } })
 *
 * export default async (request: Request): Promise<Response> => {
 *   if (new URL(request.url).pathname !== CONTROL_PATH) return server.app()(request)
 *   return new Response(await server.control(await request.text()))
 * }
 * ```
 */
export function caseServer<App>({ read, make, stores, pause }: CaseServerOptions<App>): CaseServer<App> {
  let current: { readonly app: App; readonly fixture: ServerFixture; readonly store: Store } | undefined
  let unhandled: string[] = []

  const start = async (id: string, name: string): Promise<void> => {
    const each = httpCases.find((one) => one.name === id)
    const makeStore = stores[name]
    if (each === undefined || makeStore === undefined)
      throw new Error(`caseServer: no case "${id}" or no store "${name}"; stores: ${Object.keys(stores).join(', ')}`)
    const clock = fakeClock(START)
    const store = await makeStore(clock)
    const fixture = new ServerFixture(read, clock, store, pause)
    current = { app: make(fixture.appSpec(id, each.app(fixture))), fixture, store }
    unhandled = []
  }

  const running = () => {
    if (current === undefined) throw new Error('caseServer: expected the command "start" first')
    return current
  }

  const run = async (command: Command): Promise<void> => {
    switch (command.do) {
      case 'start':
        return start(command.id, command.store)
      case 'advance':
        return running().fixture.advance(command.ms)
      case 'open':
        return running().fixture.open(command.gate)
      case 'end':
        running().fixture.end()
        return running().store.close?.()
      case 'log':
        return undefined
    }
  }

  return {
    async control(text) {
      await run(JSON.parse(text) as Command)
      const report: ServerReport = { ...running().fixture.log(), unhandled }
      return JSON.stringify(report)
    },
    app: () => running().app,
    unhandled: (error) => void unhandled.push(error instanceof Error ? (error.stack ?? error.message) : String(error)),
  }
}
