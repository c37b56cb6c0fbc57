import type { Feature, ServerLog, AppParts, Fixture } from './adapter.ts'
import type { RequestSpec, OpenResponse, Reply } from './client.ts'

/** One case: an app, and what its clients see of it. The two halves may run in two processes, so they share only names. */
export interface HttpCase {
  /** The title of the test. */
  readonly name: string
  /** The case runs only where the framework supports all of these. */
  readonly requires?: readonly Feature[] | undefined
  app(fixture: Fixture): AppParts
  run(t: CaseClient): Promise<void>
}

/** The client's side of a case: requests, control of the server, assertions. */
export interface CaseClient {
  send(request?: RequestSpec): Promise<Reply>
  get(path?: string, ...headers: readonly (readonly [string, string])[]): Promise<Reply>
  /** Resolves with the head of the response, while the body is still coming. */
  stream(request?: RequestSpec): Promise<OpenResponse>
  /** Sends a request without waiting. The returned function aborts the connection. */
  sendAbortable(request?: RequestSpec): () => void
  /** Sends the text as raw bytes. Resolves with all that the server sends until it closes the connection. */
  bytes(text: string): Promise<string>
  /** Sends the text as raw bytes, without waiting. The returned function aborts the connection. */
  bytesAbortable(text: string): () => void
  /** Moves the clock of the store forward, in ms. */
  advance(ms: number): Promise<void>
  /** Opens a gate of the fixture. */
  open(gate: string): Promise<void>
  log(): Promise<ServerLog>
  /** Polls until the condition holds; fails after 5 seconds. */
  until(condition: () => boolean | Promise<boolean>): Promise<void>
  /** Waits until the store has completed this change, `times` in all: `refund 1`, `renew`, `force 2`. */
  settled(change: string, times?: number): Promise<void>
  is(actual: unknown, expected: unknown, what?: string): void
  /** Asserts status, header lines and body, to the byte. Without `body`, any body passes. */
  answers(
    reply: Pick<Reply, 'status' | 'lines'> & { readonly body?: string },
    status: number,
    lines: readonly string[],
    body?: string,
  ): void
  /** Expects these errors in the framework's error handling by the end of the case. Without this call, any error fails it. */
  errors(...expected: (string | RegExp)[]): void
  /** Expects these warning codes by the end of the case. Without this call, any warning fails it. */
  warnings(...expected: string[]): void
}

/** `[limit, remaining, reset]`, the last in seconds after START. Without a reset for a request that is never admitted. */
export type LegacyNumbers = readonly [limit: number, remaining: number, reset?: number]

/** The header lines of an allowed request. */
export function allowedLines(policy: string, limit: string, legacy: LegacyNumbers): readonly string[] {
  return [
    `ratelimit-policy: ${policy}`,
    `ratelimit: ${limit}`,
    `x-ratelimit-limit: ${legacy[0]}`,
    `x-ratelimit-remaining: ${legacy[1]}`,
    ...(legacy[2] === undefined ? [] : [`x-ratelimit-reset: ${1_800_000_000 + legacy[2]}`]),
  ]
}

/** The header lines of a refusal. `retry` in seconds; `undefined` means that waiting never helps. */
export function refusedLines(
  policy: string,
  limit: string,
  legacy: LegacyNumbers,
  retry: number | undefined,
  type = 'application/problem+json',
): readonly string[] {
  return [...allowedLines(policy, limit, legacy), ...retryAfterLines(retry), ...bodyLines(type)]
}

export function retryAfterLines(retry: number | undefined): readonly string[] {
  return retry === undefined ? [] : [`retry-after: ${retry}`]
}

export function bodyLines(type = 'application/problem+json'): readonly string[] {
  return ['cache-control: no-store', `content-type: ${type}`]
}

/** The problem+json body of a refusal by one limit. `allows` is the quota in words, `retry` in seconds. */
export function problemBody(name: string, allows: string, retry: number, status = 429): string {
  const wait = `Retry in ${retry} second${retry === 1 ? '' : 's'}.`
  return `{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota Exceeded","status":${status},"detail":"Limit \\"${name}\\" allows ${allows}. ${wait}","violated-policies":["${name}"],"retry_after":${retry}}`
}

/** The problem+json body of a refusal by a limit of 0. */
export function neverBody(name: string): string {
  return problemBody(name, '', 0)
    .replace(/allows [^"]*\./, 'allows nothing: retrying does not help.')
    .replace(',"retry_after":0', '')
}

export const OK_BODY = '{"ok":true}'

/** Sends `count` requests one after the other, and returns their statuses. */
export async function statuses(count: number, send: (index: number) => Promise<Reply>): Promise<readonly number[]> {
  const all: number[] = []
  for (let i = 0; i < count; i++) all.push((await send(i)).status)
  return all
}

/** The remaining quota (`r=`) in the `RateLimit` line of a response with one limit. */
export function remainingOf({ lines }: Pick<Reply, 'lines'>): number {
  const line = lines.find((each) => each.startsWith('ratelimit: ')) ?? ''
  return Number(/;r=(\d+)/.exec(line)?.[1] ?? Number.NaN)
}
