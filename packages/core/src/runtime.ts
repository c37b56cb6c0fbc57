// What core needs of its runtime. Node, Bun, Deno, workerd and browsers have all of it, except for the optional fields. Core is
// compiled without the types of any runtime, so these are written by hand.
interface Runtime {
  readonly console?: { warn(message: string): void }
  readonly crypto?: {
    getRandomValues<T>(array: T): T
    readonly subtle: {
      importKey(format: 'raw', key: Uint8Array, algorithm: object, extractable: boolean, uses: readonly string[]): Promise<object>
      sign(algorithm: 'HMAC', key: object, data: Uint8Array): Promise<ArrayBuffer>
    }
  }
  readonly navigator?: { readonly userAgent?: string }
  readonly performance?: { now(): number }
  readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> }
  readonly ReadableStream: new (source: object, strategy: { readonly highWaterMark: number }) => WebBody
  readonly Response: new (body: WebBody | null, init: WebResponse) => WebResponse
  readonly TextEncoder: new () => {
    encode(text: string): Uint8Array
    encodeInto(text: string, bytes: Uint8Array): { readonly written: number }
  }
  /** Absent in some edge runtimes. */
  readonly WeakRef?: new <T extends object>(target: T) => { deref(): T | undefined }
  readonly FinalizationRegistry?: new (run: (held: () => void) => void) => { register(target: object, held: () => void): void }
  queueMicrotask(run: () => void): void
  readonly setImmediate?: (run: () => void) => unknown
  setTimeout(run: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}
export const runtime: Runtime = globalThis as never

/** The part of the web's `Response` that core reads. */
export interface WebResponse {
  readonly status: number
  readonly body: WebBody | null
  readonly bodyUsed: boolean
  readonly headers: { get(name: string): string | null; set(name: string, value: string): void }
}

interface WebBody {
  readonly locked: boolean
  getReader(): WebReader
}

export interface WebReader {
  read(): Promise<{ readonly done: boolean; readonly value?: unknown }>
  cancel(reason?: unknown): Promise<void>
}

/** The part of the web's `AbortSignal` that core uses. */
export interface WebSignal {
  readonly aborted: boolean
  addEventListener(type: 'abort', run: () => void, options: { readonly once: true }): void
}

/** A value, or a promise of it. A decision that needs no other process is never a promise. */
export type MaybePromise<T> = T | Promise<T>

/** Whether the value has a `then` method. No decision, outcome or list of headers has one. */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

/** Calls `next` with the value: at once if it is not a promise, so that the synchronous path stays synchronous. */
export function chain<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isPromise(value) ? value.then(next) : next(value)
}

/** Calls `call` with every item, then waits for all results that are promises. Throws or rejects with the first error. */
export function mapAll<T, U>(items: readonly T[], call: (item: T, i: number) => MaybePromise<U>): MaybePromise<readonly U[]> {
  const results: MaybePromise<U>[] = []
  try {
    for (let i = 0; i < items.length; i++) results.push(call(items[i] as T, i))
  } catch (error) {
    // Nobody waits for the results before it, and a rejection that nobody handles ends a Node process.
    for (const result of results) if (isPromise(result)) result.then(undefined, () => undefined)
    throw error
  }
  return results.some(isPromise) ? Promise.all(results) : (results as readonly U[])
}

let counter = 0
let random: string | undefined

/**
 * Makes a unique id: a random part for the process, plus a counter. The random part is made at first use, since edge runtimes forbid
 * random numbers before the first request.
 */
export function uniqueId(): string {
  random ??= [...randomWords(3)].map((word) => word.toString(36)).join('')
  counter += 1
  return `${random}.${counter.toString(36)}`
}

/** Returns `count` random 32-bit words. Uses `Math.random` only on a runtime without Web Crypto. */
export function randomWords(count: number): Uint32Array {
  const words = new Uint32Array(count)
  return runtime.crypto === undefined ? words.map(() => Math.random() * 2 ** 32) : runtime.crypto.getRandomValues(words)
}
