import type { Feature, Heard, Scene, Stage } from './adapter.ts'
import type { Ask, Incoming, Reply } from './client.ts'

/** One case: an app, and what its clients see of it. The two halves may run in two processes, so they share nothing but names. */
export interface HttpCase {
  readonly name: string
  readonly needs?: readonly Feature[] | undefined
  /** Run only where the framework is without this: what holds there instead. */
  readonly lacking?: Feature | undefined
  scene(stage: Stage): Scene
  run(trial: Trial): Promise<void>
}

/** The client's side of a case. */
export interface Trial {
  send(ask?: Ask): Promise<Reply>
  get(path?: string, ...headers: readonly (readonly [string, string])[]): Promise<Reply>
  stream(ask?: Ask): Promise<Incoming>
  hang(ask?: Ask): () => void
  bytes(text: string): Promise<string>
  advance(ms: number): Promise<void>
  open(gate: string): Promise<void>
  heard(): Promise<Heard>
  /** Waits until it is so, asking again and again. */
  until(so: () => boolean | Promise<boolean>): Promise<void>
  /** Waits until the store was asked this so many times after decisions. */
  changed(change: string, times?: number): Promise<void>
  is(actual: unknown, expected: unknown, what?: string): void
  /** The response is this, to the byte. Without `body`, any body. */
  answers(
    reply: Pick<Reply, 'status' | 'lines'> & { readonly body?: string },
    status: number,
    lines: readonly string[],
    body?: string,
  ): void
  /** By its end, these errors reach the framework's error path. Without this, none may. */
  errors(...expected: (string | RegExp)[]): void
  /** By its end, these warnings are told. Without this, none may be. */
  warnings(...expected: string[]): void
}

/** The lines of an answer that a limiter let through: policies, limits, `limit remaining reset`. */
export function admitted(policy: string, limit: string, legacy: readonly [number, number, number]): readonly string[] {
  return [
    `ratelimit-policy: ${policy}`,
    `ratelimit: ${limit}`,
    `x-ratelimit-limit: ${legacy[0]}`,
    `x-ratelimit-remaining: ${legacy[1]}`,
    `x-ratelimit-reset: ${1_800_000_000 + legacy[2]}`,
  ]
}

/** The lines of a refusal. `retry: undefined` is for ever. */
export function refused(
  policy: string,
  limit: string,
  legacy: readonly [number, number, number],
  retry: number | undefined,
  type = 'application/problem+json',
): readonly string[] {
  return [...admitted(policy, limit, legacy), ...retrying(retry), ...answered(type)]
}

export function retrying(retry: number | undefined): readonly string[] {
  return retry === undefined ? [] : [`retry-after: ${retry}`]
}

export function answered(type = 'application/problem+json'): readonly string[] {
  return ['cache-control: no-store', `content-type: ${type}`]
}

/** The body of a refusal by one limit. */
export function problem(name: string, allows: string, retry: number, status = 429): string {
  const wait = `Retry in ${retry} second${retry === 1 ? '' : 's'}.`
  return `{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota Exceeded","status":${status},"detail":"Limit \\"${name}\\" allows ${allows}. ${wait}","violated-policies":["${name}"],"retry_after":${retry}}`
}

export const OK = '{"ok":true}'

/** The statuses of so many requests, one after the other. */
export async function statuses(count: number, send: (index: number) => Promise<Reply>): Promise<readonly number[]> {
  const all: number[] = []
  for (let i = 0; i < count; i++) all.push((await send(i)).status)
  return all
}

/** What is left by the `RateLimit` line of a response with one limit. */
export function left({ lines }: Pick<Reply, 'lines'>): number {
  const line = lines.find((each) => each.startsWith('ratelimit: ')) ?? ''
  return Number(/;r=(\d+)/.exec(line)?.[1] ?? Number.NaN)
}
