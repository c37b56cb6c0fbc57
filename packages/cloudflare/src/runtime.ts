// What is asked of Cloudflare's runtime, declared by hand with just the part that is used: no version of its types is required
// of anybody, and the package can be imported where there is no such runtime. test/types.check.ts holds them to the real ones.

/** A Durable Object namespace: the binding in `env`, or what its `jurisdiction()` gives. */
export interface ObjectNamespace {
  idFromName(name: string): unknown
  get(id: unknown, options?: { readonly locationHint?: string }): ObjectStub
}
export interface ObjectStub {
  fetch(url: string, init: { readonly method: 'POST'; readonly body: string }): Promise<ObjectAnswer>
}

/** What is used of a Request and of a Response. */
export interface ObjectRequest {
  json(): Promise<unknown>
}
export interface ObjectAnswer {
  readonly status: number
  json(): Promise<unknown>
  text(): Promise<string>
}

/** What the runtime hands to a Durable Object. */
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
  queueMicrotask(run: () => void): void
}
export const runtime: Runtime = globalThis as never
