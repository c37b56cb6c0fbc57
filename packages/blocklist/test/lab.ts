// Clients on a manual clock, before real limiters of one or several processes.
import { setImmediate } from 'node:timers/promises'
import { blockList, type BlockList, type BlockListOptions, type BlockStorage, memoryBlockStorage } from '@sluice/blocklist'
import { createLimiter, type Decision, type LimitRule, memoryStore, slidingWindow } from '@sluice/core'
import { type FakeClock, fakeClock } from '@sluice/testing'
import { onTestFinished } from 'vitest'

export interface Request {
  readonly address?: string | undefined
  readonly endpoint?: string
  /** Who the application says that it is. */
  readonly user?: string
  /** The subjects that are charged; default the user, else the address. */
  readonly subjects?: readonly string[]
  readonly process?: number
}

export interface Lab {
  readonly clock: FakeClock
  readonly storage: BlockStorage
  readonly lists: readonly BlockList[]
  /** One request: blocked, refused or admitted. */
  send(request: Request): Answer
  /** Sends requests evenly within a second. */
  second(requests: readonly Request[]): Promise<readonly Answer[]>
  /** Moves on, second by second, so that reports arrive. */
  wait(ms: number): Promise<void>
}

export interface Answer {
  readonly status: 200 | 403 | 429
  /** Seconds, as Retry-After says it. */
  readonly retryAfter: number
}

export interface LabOptions extends BlockListOptions {
  readonly limit?: number
  readonly processes?: number
  readonly limits?: readonly LimitRule[]
  readonly storages?: (clock: FakeClock) => BlockStorage
}

export function lab({ limit = 60, processes = 1, limits, storages, ...options }: LabOptions = {}): Lab {
  const clock = fakeClock()
  const storage = storages?.(clock) ?? memoryBlockStorage({ clock })
  const on = { anomaly: () => undefined, warning: () => undefined, ...options.on }
  const lists = Array.from({ length: processes }, () => blockList({ storage, clock, rule: { mode: 'enforce' }, ...options, on }))
  for (const list of lists) onTestFinished(() => list.close())
  const store = memoryStore({ clock })
  const own = limits ?? [slidingWindow({ name: 'minute', limit, window: '1m' })]
  const limiter = createLimiter({ name: 'api', store, limits: own })
  const self: Lab = {
    clock,
    storage,
    lists,
    async second(requests) {
      const answers: Answer[] = []
      const end = clock.now() + 1_000
      for (const request of requests) {
        answers.push(self.send(request))
        clock.advance(1_000 / requests.length)
      }
      if (clock.now() < end) clock.set(end)
      // Reports are promises.
      await setImmediate()
      return answers
    },
    send({ address, endpoint = '/a', user, subjects = [user ?? address ?? ''], process = 0 }) {
      const list = lists[process] as BlockList
      const block = list.check(subjects, address)
      if (block !== undefined && block.action !== 'shadow')
        return { status: 403, retryAfter: Math.ceil((block.until - clock.now()) / 1_000) }
      const subject = Object.fromEntries(own.map(({ limit: { name } }, i) => [name, subjects[i] ?? (subjects[0] as string)]))
      const decision = limiter.consume(subject) as Decision
      list.decided(decision, { route: endpoint, method: 'GET', latency: 0, address, authenticated: user !== undefined })
      return { status: decision.allowed ? 200 : 429, retryAfter: Math.ceil(decision.retryAfter / 1_000) }
    },
    async wait(ms) {
      for (let left = ms; left > 0; left -= 1_000) {
        clock.advance(Math.min(left, 1_000))
        await setImmediate()
      }
    },
  }
  return self
}

/** A bot: so many requests a second, on five endpoints in turn, whatever the answers. Returns the seconds until it is blocked. */
export async function attack({ second }: Lab, request: Request, { perSecond = 20, seconds = 120 } = {}): Promise<number | undefined> {
  for (let at = 0; at < seconds; at++) {
    const answers = await second(fromBot(request, perSecond, at * perSecond))
    if (answers.some(({ status }) => status === 403)) return at
  }
  return undefined
}

/** Requests on five endpoints in turn. */
export function fromBot(request: Request, count: number, first: number = 0): readonly Request[] {
  return Array.from({ length: count }, (_, i) => ({ ...request, endpoint: `/${(first + i) % 5}` }))
}
