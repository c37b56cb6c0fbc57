import type { Clock } from '@sluice/core'
import { knownOptions, stateIdOf } from '@sluice/core/store-kit'
import { connect, type Connection, type RedisSource } from '../client/connect.ts'
import { runWhenReady } from '../client/ready.ts'
import { Keys } from '../keys.ts'
import { script } from '../scripts/script.ts'
import { CLOCK, REGION_APPLY, REGION_COLLECT, REGION_HEARTBEAT, REGION_RESET, TEST_CLOCK } from '../scripts/scripts.gen.ts'
import { type PackedOptions, packedOf } from '../options.ts'
import { regionsKey } from '../state/ledger-keys.ts'
import { packedKeyOf, Packing } from '../state/packed.ts'
import { takenName } from '../state/taken.ts'
import { heartbeatOf, wireHeartbeat } from './heartbeat.ts'
import { ledgersOf } from './ledgers.ts'
import type {
  Applied,
  Collected,
  CollectKey,
  CountRecord,
  Entry,
  Heartbeat,
  HeartbeatResult,
  LedgerName,
  RedisRegionStorage,
  Shape,
  Terms,
} from './types.ts'

/** The options of `redisRegionStorage`: those of the store whose data regions exchange. */
export interface RedisRegionStorageOptions {
  /** The `prefix` of the store. Default: `'sluice'`. */
  readonly prefix?: string | undefined
  /** The `partitions` of the store. Default: 16. */
  readonly partitions?: number | undefined
  /** The option `packed` of the store, if it has one. */
  readonly packed?: PackedOptions | undefined
  /** Where time comes from, for tests. Default: the clock of the Redis server. */
  readonly clock?: Clock | undefined
}

const LETTERS = { fixed: 'f', sliding: 's', bucket: 'b' } as const
const COLLECTED = ['nothing', 'later', 'record'] as const
const APPLIED = ['old', 'early', 'done'] as const
const KIND = /\.(fixedWindow|slidingWindow|tokenBucket|leakyBucket)\.[^]*$/

/**
 * The counts of `redisStore` as regions exchange them: windows of any policy, by two scripts.
 * @param redis a client of yours, or where to connect, as for `redisStore`
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { redisRegionStorage } from '@sluice/redis'
 *
 * const storage = redisRegionStorage({ url: 'redis://localhost:6379' })
 * ```
 */
export function redisRegionStorage(redis: RedisSource, options: RedisRegionStorageOptions = {}): RedisRegionStorage {
  knownOptions('redisRegionStorage', options, ['prefix', 'partitions', 'packed', 'clock'])
  const { prefix = 'sluice', partitions = 16, packed, clock } = options
  const packing = packed === undefined ? undefined : new Packing(packedOf('redisRegionStorage', packed, prefix), partitions)
  return new RegionScripts({ connection: connect(redis), keys: new Keys(prefix, partitions, packing) }, clock)
}

interface Parts {
  readonly connection: Connection
  readonly keys: Keys
  /** Resolves when the layout of the data has been checked. `undefined`: it has. */
  prepared?(): Promise<void> | undefined
}

/** The packed states of a subject, as lua/regionStates.lua describes them. */
type WirePacked = readonly (readonly [id: number, window: number, lifetime: number, field: string | number])[]

/** What a script is asked for a subject. */
interface SubjectRequest {
  /** Those of the value and its ledger, then those of the bucket and the ledger of each packed state. */
  readonly keys: readonly string[]
  readonly request: readonly unknown[]
}

const NOT_PACKED: WirePacked = []

/** The steps of regions, by scripts. */
export class RegionScripts implements RedisRegionStorage {
  private readonly parts: Parts
  private readonly clock: Clock | undefined

  constructor(parts: Parts, clock: Clock | undefined) {
    this.parts = parts
    this.clock = clock
  }

  partitionOf(subject: string): number {
    const { keys } = this.parts
    return keys.tags.indexOf(keys.tagOf(subject))
  }

  async collect(keys: readonly CollectKey[], terms: Terms): Promise<readonly Collected[]> {
    const subjects = keys.map((key) =>
      this.requestOf(key, key.shapes, (packed) => [key.isForced ? 1 : 0, packed, ...key.shapes.map(wireShape)]),
    )
    const replies = await this.run(REGION_COLLECT, [wireTerms(terms)], subjects)
    return keys.map((key, i) => collectedOf(key, replies[i] as readonly unknown[]))
  }

  async apply(
    records: readonly CountRecord[],
    { region, at }: { readonly region: number; readonly at: number },
    terms: Terms,
  ): Promise<readonly Applied[]> {
    const subjects = records.map((record) => {
      const { version, entries } = record
      return this.requestOf(record, entries, (packed) => [version, packed, ...entries.flatMap((entry) => wireEntry(entry) ?? [])])
    })
    const replies = await this.run(REGION_APPLY, [wireTerms(terms), region, at], subjects)
    return records.map((_, i) => appliedOf((replies[i] as readonly unknown[]).map(Number)))
  }

  async reset(keys: readonly Omit<CollectKey, 'isForced'>[], keep: number): Promise<void> {
    const subjects = keys.map((key) => this.requestOf(key, key.shapes, (packed) => [packed, ...key.shapes.map(wireShape)]))
    await this.run(REGION_RESET, [keep * 1000], subjects)
  }

  async heartbeat(request: Heartbeat): Promise<HeartbeatResult> {
    return heartbeatOf(await this.send(REGION_HEARTBEAT, [this.parts.keys.regions], wireHeartbeat(request)))
  }

  ledgers(policies: readonly string[]): AsyncIterable<readonly LedgerName[]> {
    return ledgersOf(this.parts.connection, this.parts.keys, policies)
  }

  private requestOf(
    { policy, subject }: { readonly policy: string; readonly subject: string },
    states: readonly { readonly text: string }[],
    request: (packed: WirePacked) => readonly unknown[],
  ): SubjectRequest {
    const names = this.parts.keys
    const value = names.valueKeyIn(policy, subject)
    const keys = [value, regionsKey(value)]
    if (names.packing === undefined) return { keys, request: request(NOT_PACKED) }
    const packed = [...new Set(states.map(({ text }) => text))].flatMap((text) => {
      const found = names.packedIn(policy, subject, text)
      if (found === undefined) return []
      const { bucket, field } = packedKeyOf(found.key)
      keys.push(bucket, regionsKey(found.key))
      return [[stateIdOf(text), found.window, found.lifetime, field] as const]
    })
    return { keys, request: request(packed) }
  }

  /** Runs a script over the states of these subjects. Rejects unless it answered for all of them. */
  private async run(body: string, terms: readonly unknown[], subjects: readonly SubjectRequest[]): Promise<readonly unknown[]> {
    const keys = subjects.flatMap((subject) => subject.keys)
    const request = [...terms, ...subjects.map((subject) => subject.request)]
    const [, error, ...replies] = await this.send(body, keys, request)
    if (String(error) !== '') throw new Error(`the script of regions: ${String(error)}`)
    return replies
  }

  private async send(body: string, keys: readonly string[], request: unknown): Promise<readonly unknown[]> {
    const { clock, parts } = this
    await parts.prepared?.()
    const args = [JSON.stringify(request), ...(clock === undefined ? [] : [String(Math.round(clock.now() * 1000))])]
    return await runWhenReady(parts.connection, script(clock === undefined ? CLOCK : TEST_CLOCK, body), { keys, args })
  }
}

function wireTerms({ interval, urgent, minimum, keep, regions }: Terms): readonly number[] {
  return [interval * 1000, urgent, minimum, keep * 1000, regions]
}

/** A shape as the scripts of regions read it. */
export function wireShape({ text, kind, N, P, burst, start = -1 }: Shape): readonly unknown[] {
  return [LETTERS[kind], stateIdOf(text), kind === 'bucket' ? stateIdOf(takenName(text)) : 0, N, P, burst, start]
}

/** `undefined` for a state that regions do not exchange: a later version may. */
function wireEntry({ text, reset, start, units, before, N, P, burst }: Entry): readonly unknown[] | undefined {
  const algorithm = KIND.exec(text)?.[1]
  if (algorithm === undefined) return undefined
  const kind = algorithm === 'fixedWindow' ? 'fixed' : algorithm === 'slidingWindow' ? 'sliding' : 'bucket'
  return [[wireShape({ text, kind, N, P, burst }), reset, start, units, before]]
}

function collectedOf({ policy, subject, shapes }: CollectKey, [result, version, ...entries]: readonly unknown[]): Collected {
  const name = COLLECTED[Number(result)] ?? 'nothing'
  if (name !== 'record') return { result: name }
  const read = (entries as readonly (readonly unknown[])[]).map((entry) => {
    const [place = 1, reset = 0, start = 0, units = 0, before = 0] = entry.map(Number)
    const { text, N, P, burst } = shapes[place - 1] as Shape
    return { text, reset, start, units, before, N, P, burst }
  })
  return { result: name, record: { kind: 'count', policy, subject, version: Number(version), entries: read } }
}

function appliedOf([result = 0, wait = 0, late = 0, ahead = 0, over = 0, forgiven = 0, unpublished = 0]: readonly number[]): Applied {
  return { result: APPLIED[result] ?? 'old', wait, late, ahead, over, forgiven, isUnpublished: unpublished === 1 }
}
