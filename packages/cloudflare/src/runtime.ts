// The members of Cloudflare's runtime that are used, declared here: users need no version of @cloudflare/workers-types, and the
// package can be imported in other runtimes. test/types.check.ts compares them with Cloudflare's types.

/** A Durable Object namespace: the binding in `env`, or what its `jurisdiction()` returns. */
export interface ObjectNamespace {
  idFromName(name: string): unknown
  get(id: unknown, options?: { readonly locationHint?: string }): ObjectStub
}
/** A reference to one object. */
export interface ObjectStub {
  fetch(url: string, init: { readonly method: 'POST'; readonly body: string }): Promise<ObjectAnswer>
}

/** A `Request`. */
export interface ObjectRequest {
  json(): Promise<unknown>
}
/** A `Response`. */
export interface ObjectAnswer {
  readonly status: number
  json(): Promise<unknown>
  text(): Promise<string>
}

/** The first argument of a Durable Object's constructor. */
export interface ObjectState {
  readonly storage: ObjectStorage
  blockConcurrencyWhile(run: () => Promise<void>): Promise<void>
}
export interface ObjectStorage {
  readonly sql: Sql
  transactionSync(run: () => void): void
  getAlarm(): Promise<number | null>
  setAlarm(time: number): Promise<void>
}
export interface Sql {
  exec(query: string, ...bindings: (string | number)[]): { toArray(): Record<string, unknown>[] }
}

interface Runtime {
  readonly crypto: { readonly subtle: { digest(algorithm: 'SHA-256', data: Uint8Array): Promise<ArrayBuffer> } }
  readonly Response: new (body: string, init?: { readonly status: number }) => ObjectAnswer
  readonly TextEncoder: new () => { encode(text: string): Uint8Array }
}
export const runtime: Runtime = globalThis as never
