// The few things that core asks of its runtime, all of them present in Node, Bun, Deno, workerd and browsers. Core is
// compiled without the types of any runtime, so each is declared here, by hand, with just the part that is used.
interface Runtime {
  readonly console?: { warn(message: string): void }
  readonly crypto?: {
    getRandomValues<T>(array: T): T
    readonly subtle: {
      importKey(format: 'raw', key: Uint8Array, algorithm: object, extractable: boolean, uses: readonly string[]): Promise<object>
      sign(algorithm: 'HMAC', key: object, data: Uint8Array): Promise<ArrayBuffer>
    }
  }
  readonly performance?: { now(): number }
  readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> }
  readonly ReadableStream: new (source: object, strategy: { readonly highWaterMark: number }) => WebBody
  readonly Response: new (body: WebBody | null, init: WebResponse) => WebResponse
  readonly TextEncoder: new () => { encode(text: string): Uint8Array }
  queueMicrotask(run: () => void): void
  readonly setImmediate?: (run: () => void) => unknown
  setTimeout(run: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}
export const runtime: Runtime = globalThis as never

/** As much of the web's `Response` as core reads. */
export interface WebResponse {
  readonly status: number
  readonly body: WebBody | null
  readonly headers: { set(name: string, value: string): void }
}

interface WebBody {
  readonly locked: boolean
  getReader(): WebReader
}

export interface WebReader {
  read(): Promise<{ readonly done: boolean; readonly value?: unknown }>
  cancel(reason?: unknown): Promise<void>
}

/** As much of the web's `AbortSignal` as core uses. */
export interface WebSignal {
  readonly aborted: boolean
  addEventListener(type: 'abort', run: () => void, options: { readonly once: true }): void
}

/** A value, or a promise of it. What can be decided locally is never a promise. */
export type MaybePromise<T> = T | Promise<T>

/** True for anything thenable; a decision, an outcome and a header list never are. */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

/** Goes on with `next` at once when `value` is here, later when it is a promise: the synchronous path stays synchronous. */
export function chain<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isPromise(value) ? value.then(next) : next(value)
}

let counter = 0
let random: string | undefined

/** An id that no other process makes: random per process, and a counter. Random only at first use, since edge runtimes forbid it before a request. */
export function uniqueId(): string {
  random ??= [...randomWords(3)].map((word) => word.toString(36)).join('')
  counter += 1
  return `${random}.${counter.toString(36)}`
}

/** `count` random 32-bit words; from `Math.random` only on a runtime without Web Crypto. */
export function randomWords(count: number): Uint32Array {
  const words = new Uint32Array(count)
  return runtime.crypto === undefined ? words.map(() => Math.random() * 2 ** 32) : runtime.crypto.getRandomValues(words)
}
