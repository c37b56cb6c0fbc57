import type { Clock, Decision, MaybePromise, Observers, RateLimitOptions, RequestLimiter, Store } from '@sluice/core'

// What httpConformance() needs from a framework's package. These types and the cases need no Node and no test runner, so a
// server in another process or runtime can build the same apps.

/** The options of one `rateLimit(…)`. The same object in two places means one middleware, created once and mounted twice. */
export type Mount = RateLimitOptions<any, any>

/**
 * What some frameworks and stores do not have. An adapter lists these features in `unsupported`. Cases that require one are not run, and the
 * printed matrix shows `–`.
 *
 * - `framework proxy trust`: the framework has a setting that trusts X-Forwarded-For from the nearest proxy.
 * - `route pattern`: the pattern of the route is known when its limiters run.
 * - `early response head`: a handler can write the head of the response before the limiter runs.
 * - `headers before`: middleware can set headers of the response before the limiter runs.
 * - `HTTP/2`: the framework can be served over HTTP/2.
 * - `reset of all`: the store can forget all subjects.
 * - `dropped connections`: the server lets a limiter close the connection of a request.
 */
export type Feature =
  | 'framework proxy trust'
  | 'route pattern'
  | 'early response head'
  | 'headers before'
  | 'HTTP/2'
  | 'reset of all'
  | 'dropped connections'

/** How a client aborts its connection: with FIN (`close`) or with RST (`reset`). */
export type AbortBy = 'close' | 'reset'

/** One app as data and functions: what to mount, in which order. */
export interface AppSpec {
  /** The name of the case. A server in another process finds the case by this name. */
  readonly id: string
  /** Limiters of the whole app, in order, before any route. They also see requests that match no route. */
  readonly use: readonly Mount[]
  readonly routes: readonly Route[]
  /** True: parse JSON bodies before the limiters run. */
  readonly parse: boolean
  /** Set the framework's own option so that it trusts one proxy (true), or every proxy (`'anyone'`). */
  readonly trust: boolean | 'anyone'
  /** Where given, middleware before the limiters sets these headers, as the framework's middleware for CORS does. */
  readonly before: Readonly<Record<string, string>> | undefined
  /** True: serve the app over HTTP/2 without TLS. */
  readonly http2: boolean
  /**
   * Where given, a handler runs before the limiters. It writes the head and the text `early`, passes the request on, and ends
   * the response when this promise resolves.
   */
  readonly early: (() => Promise<void>) | undefined
  /** Call this with every error that reaches the framework's error handling. The framework then answers as it does by default. */
  onError(error: unknown): void
  /** Call this with each limiter of a route that `rateLimit(mount)` returned. */
  onLimiter(mount: Mount, limiter: RequestLimiter<any>): void
}

export interface Route {
  /** Default `GET`, which also answers `HEAD`. */
  readonly method?: string | undefined
  /** The pattern in Express notation, such as `/users/:id`. */
  readonly path: string
  /** Where the nested router is mounted that has the route, such as `/teams/:team`. Default: the route is in the app itself. */
  readonly under?: string | undefined
  /** Limiters of this route, in order. */
  readonly use?: readonly Mount[] | undefined
  /**
   * Call this in the framework's handler. Let its error through, and return its promise. Throw an error that has a `status` as
   * the framework's own HTTP exception of that status.
   */
  answer(input: HandlerInput): MaybePromise<Answer>
}

/** What the handler of a route receives. */
export interface HandlerInput {
  /** Read from where the adapter puts it: `req.rateLimit`, `ctx.state.rateLimit`, … */
  readonly decision: Decision | undefined
}

/** What the handler of a route sends. With no `json`, `stream` or `raw`, leave the response alone. */
export interface Answer {
  /** Default 200. */
  readonly status?: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Send this as JSON, by the framework's own means. */
  readonly json?: unknown
  /** Send each part as soon as it is there. The stream ends early when the client disconnects. */
  readonly stream?: AsyncIterable<string> | undefined
  /** Send this without the framework's helpers: on Node's own response, or as a bare `Response`. */
  readonly raw?: string | undefined
}

/** Reads a framework's request or context (`context`) and response (`response`) for the option functions of a limiter. */
export interface ContextReader {
  method(context: any): string
  path(context: any): string
  header(context: any, name: string): string | undefined
  decision(context: any): Decision | undefined
  /** A header of the response that the `settle` option receives. */
  responseHeader(response: any, name: string): string | undefined
  /** Sends text, as a `handler` option does. It replaces the limiter's refusal. `response` is the one that the option gets, if any. */
  reply(context: any, status: number, text: string, response: any): unknown
}

/** A framework and its Sluice adapter, as httpConformance() drives them. */
export interface HttpAdapter {
  readonly read: ContextReader
  /** The features that the framework and the store do not have. Default: none. */
  readonly unsupported?: readonly Feature[] | undefined
  /**
   * How clients abort. Default `close`. Use `reset` for a server that takes a closed connection for a half-closed one, and so
   * misses the abort while it sends nothing.
   */
  readonly abortBy?: AbortBy | undefined
  /** Serves the app on a real socket of 127.0.0.1. */
  serve(app: AppSpec): Promise<RunningServer>
}

export interface RunningServer {
  /** Such as `http://127.0.0.1:1234`, without a slash at the end. */
  readonly url: string
  /** Ends the server and its open connections. */
  close(): MaybePromise<void>
  /** Only for a server in another process: how to reach its fixture. */
  readonly control?: ServerControl | undefined
}

/** What a case does to its server, other than by HTTP requests. */
export interface ServerControl {
  /** Moves the clock of the store forward. */
  advance(ms: number): MaybePromise<void>
  /** Opens a gate, so that handlers waiting for it go on. */
  open(gate: string): MaybePromise<void>
  log(): MaybePromise<ServerLog>
  /** Only for a server in another process: unhandled errors there, read when the case has ended. */
  unhandled?(): MaybePromise<readonly string[]>
}

/** What has happened on the server so far. */
export interface ServerLog {
  /** Texts that the case's own functions noted. */
  readonly notes: readonly string[]
  /** Completed changes of the store after a decision: `refund 1`, `renew`, `credit 2` or `force 2`. */
  readonly changes: readonly string[]
  /** Codes of the warnings. */
  readonly warnings: readonly string[]
  /** Messages of the errors that reached the framework's error handling. */
  readonly errors: readonly string[]
}

/** What a case builds its app with. */
export interface Fixture {
  readonly clock: Clock
  readonly store: Store
  readonly read: ContextReader
  /** These options, plus the store of the case and an observer that logs warnings. */
  limits(options: Mount): Mount
  /** The store of the case and an observer that logs warnings, for what makes limiters by other means. */
  observed(): { readonly store: Store; readonly on: Observers }
  /** Adds a text to the server's log. */
  note(text: string): void
  /** The limiter of a route, made with these options. */
  limiterOf(mount: Mount): RequestLimiter<any>
  /** Resolves when the case opens the gate, and at the latest when the case ends. */
  gate(name: string): Promise<void>
}

/** The parts of an app that a case defines. All others have defaults. */
export type AppParts = Partial<Omit<AppSpec, 'id' | 'onError' | 'onLimiter'>>
