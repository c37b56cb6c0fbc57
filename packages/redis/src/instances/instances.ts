import { hostname } from 'node:os'
import { type Clock, systemClock } from '@sluice/core'
import { invalid, keptAlive, knownOptions, pause, uniqueId } from '@sluice/core/store-kit'
import { connect, type Connection, type RedisSource } from '../client/connect.ts'
import { runWhenReady } from '../client/ready.ts'
import { hashTagOf } from '../client/watch-stream.ts'
import { script } from '../scripts/script.ts'
import { INSTANCES } from '../scripts/scripts.gen.ts'
import { Heartbeat } from './heartbeat.ts'

/** What is read of a feed of `policyFeed`. */
export interface FollowedFeed {
  health(): { readonly namespaces: readonly { readonly namespace: string; readonly revision: number }[] }
  subscribe(listener: () => void): () => void
}

/**
 * The options of `instances`.
 * @example
 * ```ts
 * import { fileSource, policyFeed } from '@sluice/policies'
 * import type { InstancesOptions } from '@sluice/redis'
 *
 * const options: InstancesOptions = { feed: await policyFeed({ source: fileSource('sluice.yaml') }), version: '1.4.0' }
 * ```
 */
export interface InstancesOptions {
  /** The feed of this process. Default: none, the process only reads which others there are. */
  readonly feed?: FollowedFeed | undefined
  /** Names the keys: 1 to 64 letters, digits, `_`, `.`, `:` or `-`. Processes under another one are apart. Default: `'sluice:instances'`. */
  readonly key?: string | undefined
  /** For people, who read which process it is. Default: the name of the machine. */
  readonly host?: string | undefined
  /** For people: the version of the program. Default: none. */
  readonly version?: string | undefined
  /** Called when Redis cannot be written: once, until it can again. Default: nothing. */
  readonly onError?: ((error: unknown) => void) | undefined
  /** For tests only: the timer of heartbeats. Default: the system's. */
  readonly clock?: Clock | undefined
}

/** A process that follows policy documents. */
export interface LiveInstance {
  readonly id: string
  readonly host: string
  readonly version: string
  /** ms since the epoch, by the clock of the process. */
  readonly startedAt: number
  /** ms since the epoch, by the clock of Redis: its last heartbeat. */
  readonly seenAt: number
  /** The revision in force, by namespace. */
  readonly revisions: Readonly<Record<string, number>>
}

/** The processes that follow policy documents. Every method rejects if Redis cannot be reached. */
export interface Instances {
  /** This process; `undefined` without a feed. */
  readonly own: Omit<LiveInstance, 'seenAt' | 'revisions'> | undefined
  /** All that live: the last heartbeat is at most 15 s ago. */
  all(): Promise<readonly LiveInstance[]>
  /** Resolves when every live process with the namespace has the revision, or after `ms`: with the ids of those that do not. */
  waitFor(namespace: string, revision: number, ms: number): Promise<readonly string[]>
  /** Forgets this process, and ends a connection that was made here. */
  close(): Promise<void>
}

const SCRIPT = script('', INSTANCES)
/** ms after the last heartbeat at which a process is forgotten. */
const LIFE = 15_000
/** ms between two looks of `waitFor`. */
const LOOK = 50
const KNOWN = ['feed', 'key', 'host', 'version', 'onError', 'clock'] as const

/**
 * Says to others which revisions this process has, every 5 s and after each change, and reads which others there are. So a publisher can wait
 * until every process has a document.
 * @param redis a client of yours, or where to connect, as for `redisStore`
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { policyFeed } from '@sluice/policies'
 * import { instances, redisSource } from '@sluice/redis'
 *
 * const redis = { url: 'redis://localhost:6379' }
 * const feed = await policyFeed({ source: redisSource(redis) })
 * const registered = instances(redis, { feed })
 * const laggards = await registered.waitFor('shop', 42, 10_000)
 * console.log(laggards.length === 0 ? 'everywhere' : `not yet: ${laggards.join(', ')}`)
 * ```
 */
export function instances(redis: RedisSource, options: InstancesOptions = {}): Instances {
  knownOptions('instances', options, KNOWN)
  const { key = 'sluice:instances', feed, onError } = options
  if (feed !== undefined && (typeof feed?.health !== 'function' || typeof feed.subscribe !== 'function'))
    throw invalid('instances: feed', 'what policyFeed() returns', feed)
  if (onError !== undefined && typeof onError !== 'function') throw invalid('instances: onError', 'a function', onError)
  const tag = hashTagOf('instances', key)
  return new RedisInstances(connect(redis), [`${tag}:rows`, `${tag}:seen`], options)
}

class RedisInstances implements Instances {
  readonly own: Instances['own']
  private readonly connection: Connection
  private readonly keys: readonly string[]
  private readonly clock: Clock
  private readonly heartbeat: Heartbeat | undefined

  constructor(
    connection: Connection,
    keys: readonly string[],
    { feed, host = hostname(), version = '', onError, clock = systemClock }: InstancesOptions,
  ) {
    this.connection = connection
    this.keys = keys
    this.clock = clock
    if (feed === undefined) return
    const own = (this.own = { id: uniqueId(), host, version, startedAt: clock.now() })
    const row = (): string => {
      const revisions = Object.fromEntries(feed.health().namespaces.map(({ namespace, revision }) => [namespace, revision]))
      return JSON.stringify({ host, version, startedAt: own.startedAt, revisions })
    }
    this.heartbeat = new Heartbeat(() => this.run(own.id, row()), clock, onError)
    this.unsubscribe = feed.subscribe(() => this.heartbeat?.now())
  }

  async all(): Promise<readonly LiveInstance[]> {
    const reply = (await keptAlive(this.run('', ''))).map(String)
    const found: LiveInstance[] = []
    for (let i = 0; i < reply.length; i += 3) {
      const [id = '', seen, text = ''] = reply.slice(i, i + 3)
      const row = rowOf(text)
      if (row !== undefined) found.push({ id, ...row, seenAt: Number(seen) })
    }
    return found.toSorted((a, b) => a.startedAt - b.startedAt || (a.id < b.id ? -1 : 1))
  }

  async waitFor(namespace: string, revision: number, ms: number): Promise<readonly string[]> {
    const { clock } = this
    const end = clock.now() + ms
    for (;;) {
      const late = (await this.all()).filter(({ revisions }) => (revisions[namespace] ?? revision) < revision).map(({ id }) => id)
      if (late.length === 0 || clock.now() >= end) return late
      await pause(LOOK, clock, new AbortController().signal)
    }
  }

  async close(): Promise<void> {
    this.unsubscribe()
    const { heartbeat, connection, own } = this
    await heartbeat?.close()
    if (own !== undefined && connection.client.status === 'ready') await this.run(own.id, '').catch(() => undefined)
    if (connection.isOwn) connection.client.disconnect()
  }

  private unsubscribe: () => void = () => undefined

  private run(id: string, row: string): Promise<readonly unknown[]> {
    return runWhenReady(this.connection, SCRIPT, { keys: this.keys, args: [id, row, String(LIFE)] })
  }
}

/** `undefined` for a row of somebody else. */
function rowOf(text: string): Omit<LiveInstance, 'id' | 'seenAt'> | undefined {
  try {
    const { host, version, startedAt, revisions } = JSON.parse(text) as Partial<LiveInstance>
    if (typeof host !== 'string' || typeof startedAt !== 'number') return undefined
    return { host, version: version ?? '', startedAt, revisions: { ...revisions } }
  } catch {
    return undefined
  }
}
