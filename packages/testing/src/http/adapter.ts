import type { Clock, Decision, MaybePromise, RateLimitOptions, Store } from '@sluice/core'

// What httpConformance() asks of a framework's package. Nothing here, nor in the cases, needs Node or a test runner, so that
// a server in another process or another runtime can build the same apps from the same cases.

/** The options of one `rateLimit(…)`. One object in two places is one middleware, made once and mounted twice. */
export type Mount = RateLimitOptions<any, any>

/** What a framework may be without. A case that needs it is left out there, and the matrix says so. */
export type Feature =
  /** A setting of the framework's own that believes X-Forwarded-For of the nearest proxy. */
  | 'own trust'
  /** The pattern of the route is known where its limiters run. */
  | 'route pattern'
  /** A handler can write the head of the response before the limiter runs. */
  | 'early head'
  /** A limiter that a request meets twice decides it twice. Where it does not, a case says that it decides once. */
  | 'runs twice'

export type HangUp = 'close' | 'reset'

/** An app, as data and functions: what to mount, in which order. */
export interface AppSpec {
  /** The name of the case. A server in another process is told this, and finds the case by it. */
  readonly id: string
  /** Limiters of the whole app, in order, before any route; they also see requests that no route takes. */
  readonly use: readonly Mount[]
  readonly routes: readonly Route[]
  /** JSON bodies are parsed before the limiters run. */
  readonly parse: boolean
  /** The framework's own setting believes one proxy. */
  readonly trust: boolean
  /** Where given: before the limiters a handler writes the head and the text `early`, goes on, and ends the response when this resolves. */
  readonly early: (() => Promise<void>) | undefined
  /** To be called with everything that reaches the framework's own error path, which then answers as it does by default. */
  failed(error: unknown): void
}

export interface Route {
  /** Default `GET`, which also answers `HEAD`. */
  readonly method?: string | undefined
  /** `/users/:id`, in the notation of Express. */
  readonly path: string
  readonly use?: readonly Mount[] | undefined
  /** Called in the framework's own handler, which throws what it throws and returns the promise that it returns. An error with a `status` is to be thrown as the framework's own HTTP exception of that status. */
  answer(seen: Seen): MaybePromise<Answer>
}

/** What a handler of a route sees. */
export interface Seen {
  /** From where the adapter leaves it: `req.rateLimit`, `ctx.state.rateLimit`, … */
  readonly decision: Decision | undefined
}

/** An answer with nothing to send leaves the response alone. */
export interface Answer {
  /** Default 200. */
  readonly status?: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Sent as JSON by the framework's own means. */
  readonly json?: unknown
  /** Sent as it comes. It ends early when the client is gone, or never. */
  readonly stream?: AsyncIterable<string> | undefined
  /** Sent past the framework's conveniences: Node's own response, a bare `Response`. */
  readonly raw?: string | undefined
}

/** A neutral view of the framework's request or context (`C`) and response (`R`), for the functions among a limiter's options. */
export interface Reader {
  method(context: any): string
  path(context: any): string
  header(context: any, name: string): string | undefined
  decision(context: any): Decision | undefined
  /** A header of the response, as the `settle` option sees it. */
  responseHeader(response: any, name: string): string | undefined
  /** Answers in place of the limiter, as the `handler` option does, with text. `response` is what that option gets, where there is one. */
  reply(context: any, status: number, text: string, response: any): unknown
}

/** A framework, as the suite drives it. */
export interface HttpAdapter {
  readonly read: Reader
  readonly lacks?: readonly Feature[] | undefined
  /** How clients hang up. Default `close`. A server that takes a closed connection for a half-closed one, whose client still reads, hears only of a `reset` while it sends nothing. */
  readonly hangUp?: HangUp | undefined
  /** Serves the app on a real socket of 127.0.0.1. */
  serve(app: AppSpec): Promise<Served>
}

export interface Served {
  /** `http://127.0.0.1:1234` */
  readonly url: string
  /** Ends the server with its open connections. */
  close(): MaybePromise<void>
  /** Of a server in another process: its stage. Without, the stage is in this one. */
  readonly control?: Control | undefined
}

/** What a case does to its server other than by HTTP. */
export interface Control {
  /** Moves the clock of the store. */
  advance(ms: number): MaybePromise<void>
  /** Opens a gate that a handler waits at. */
  open(gate: string): MaybePromise<void>
  heard(): MaybePromise<Heard>
  /** Of a server in another process: the errors that nobody handled there, once the case has ended. */
  unhandled?(): MaybePromise<readonly string[]>
}

/** What has happened on the server so far. */
export interface Heard {
  /** What the case's own functions noted. */
  readonly notes: readonly string[]
  /** What the store was asked after the decision: `back 1`, `renew`, `force 2`, once it was done. */
  readonly changes: readonly string[]
  /** Codes of the warnings. */
  readonly warnings: readonly string[]
  /** Messages of what reached the framework's error path. */
  readonly errors: readonly string[]
}

/** What a case makes its app of. */
export interface Stage {
  readonly clock: Clock
  readonly store: Store
  readonly read: Reader
  /** The case's store and warning observer, and what is given. */
  limits(options: Mount): Mount
  note(text: string): void
  /** Resolves when the case opens the gate, and when the case ends. */
  gate(name: string): Promise<void>
}

/** The parts of an app that a case cares about. */
export type Scene = Partial<Omit<AppSpec, 'id' | 'failed'>>
