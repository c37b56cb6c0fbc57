import type { Clock } from '@sluice/core'
import {
  type BlockEvent,
  type BlockRecord,
  type BlockSnapshot,
  type BlockStorage,
  type BlockTarget,
  type EscalationRule,
  highestLevel,
  knownOptions,
  type ManualBlock,
  type ReportAnswer,
  type StrikeReport,
  type TargetHistory,
} from '@sluice/core/store-kit'
import { connect, type Connection, type RedisSource } from '../client/connect.ts'
import { runWhenReady } from '../client/ready.ts'
import { checkInterval, type StreamRead, watchStream } from '../client/watch-stream.ts'
import { type Script, script } from '../scripts/script.ts'
import { BLOCK_ENTRY, BLOCK_REPORT, BLOCK_REVISION, READ_BLOCKS } from '../scripts/scripts.gen.ts'
import { BlockKeys, idOf, targetOf } from './block-keys.ts'
import { parseCounts, parseEntry, parseLevel } from './entry-text.ts'

/** The options of `redisBlockStorage`. */
export interface RedisBlockStorageOptions {
  /** Names the keys: 1 to 64 letters, digits, `_`, `.`, `:` or `-`. A list under another one is apart. Default: `'sluice:blocks'`. */
  readonly key?: string | undefined
  /** How often Redis is asked through a client that opens no second connection: ms, at least 50. Default: 500. */
  readonly interval?: number | undefined
  /** Where time comes from, for tests. Default: the clock of the Redis server. */
  readonly clock?: Clock | undefined
}

const REPORT = script('', BLOCK_REPORT)
const ENTRY = script('', BLOCK_ENTRY)
const READ = script('', READ_BLOCKS)
const REVISION = script('', BLOCK_REVISION)

/** Subjects in one call: a script holds up the server. */
const PER_CALL = 50
const PER_PAGE = 1_000
/** Policies whose revisions are remembered. */
const MAX_POLICIES = 1_000
const LIMIT = /^[\w./~-]{1,130}$/

/**
 * Keeps a block list in Redis, for all processes. A block is decided in one script, so processes that escalate a subject at once make one block. A change arrives by
 * a read that waits on a connection of its own.
 * @param redis a client of yours, or where to connect, as for `redisStore`
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { blockList } from '@sluice/blocklist'
 * import { redisBlockStorage } from '@sluice/redis'
 *
 * const blocks = blockList({ storage: redisBlockStorage({ url: 'redis://localhost:6379' }) })
 * await blocks.ready()
 * ```
 */
export function redisBlockStorage(redis: RedisSource, options: RedisBlockStorageOptions = {}): BlockStorage {
  knownOptions('redisBlockStorage', options, ['key', 'interval', 'clock'])
  const { key, interval = 500, clock } = options
  const keys = new BlockKeys(key)
  checkInterval('redisBlockStorage', interval)
  return new RedisBlockStorage(connect(redis), keys, interval, clock)
}

class RedisBlockStorage implements BlockStorage {
  readonly name: string
  private readonly connection: Connection
  private readonly keys: BlockKeys
  private readonly interval: number
  private readonly clock: Clock | undefined

  constructor(connection: Connection, keys: BlockKeys, interval: number, clock: Clock | undefined) {
    this.connection = connection
    this.keys = keys
    this.interval = interval
    this.clock = clock
    this.name = `Redis (${keys.list[0]})`
  }

  async load(): Promise<BlockSnapshot> {
    const records = new Map<string, BlockRecord>()
    let first: string | undefined
    // A scan returns an entry twice if the hash grows meanwhile.
    for (let next = '0'; ;) {
      const [now, cursor = '', following = '0', ...fields] = await this.read(this.keys.list, 'page', next, PER_PAGE)
      // The cursor of the first page: the watch repeats what changed while the other pages were read.
      first ??= cursor
      for (const record of entriesOf(fields)) if (record.until > Number(now)) records.set(idOf(record), record)
      if (following === '0') return { cursor: first, records: [...records.values()] }
      next = following
    }
  }

  watch(since: string, emit: (event: BlockEvent) => void, signal: AbortSignal): Promise<void> {
    const { connection, keys, interval } = this
    const readOn = async (at: string): Promise<StreamRead | undefined> => {
      const [kind, cursor = '', ...fields] = await this.read(keys.list, 'changes', at, PER_PAGE)
      if (kind !== 'same' && kind !== 'changes') return undefined
      for (let i = 0; i < fields.length; i += 2) {
        const id = fields[i] ?? ''
        const record = parseEntry(id, fields[i + 1] ?? '')
        emit(record === undefined ? { type: 'remove', target: targetOf(id), cursor } : { type: 'put', record, cursor })
      }
      emit({ type: 'progress', cursor })
      return { cursor, isSame: kind === 'same', hasMore: fields.length >= 2 * PER_PAGE }
    }
    return watchStream({ client: connection.client, key: keys.changes, interval }, since, readOn, signal)
  }

  async report(reports: readonly StrikeReport[], rule: EscalationRule): Promise<ReportAnswer> {
    const blocked: BlockRecord[] = []
    let overBudget = 0
    let full = 0
    for (let i = 0; i < reports.length; i += PER_CALL) {
      const [over, without, ...fields] = await this.reportSome(reports.slice(i, i + PER_CALL), rule)
      overBudget += Number(over)
      full += Number(without)
      blocked.push(...entriesOf(fields))
    }
    return { blocked, overBudget, full }
  }

  async put({ kind, name, effect, reason, duration, maxEntries }: ManualBlock): Promise<BlockRecord | 'allowed' | 'full'> {
    const id = idOf({ kind, name })
    const length = duration === Infinity ? 'inf' : String(duration)
    const [done, text = ''] = await this.run(ENTRY, this.keys.of(id), ['put', id, effect, reason, length, String(maxEntries)])
    if (done !== '1') return text as 'allowed' | 'full'
    return parseEntry(id, text) as BlockRecord
  }

  async remove(target: BlockTarget, kind: 'block' | 'allow'): Promise<boolean> {
    const id = idOf(target)
    const [done] = await this.run(ENTRY, this.keys.of(id), [kind, id, '', '', '0', '0'])
    return done === '1'
  }

  async history(target: BlockTarget): Promise<TargetHistory> {
    const id = idOf(target)
    const [now, entry = '', counts = '', last = '', lastInShadow = ''] = await this.read(this.keys.of(id), 'one', id, 0)
    const record = parseEntry(id, entry)
    return {
      record: record !== undefined && record.until > Number(now) ? record : undefined,
      evidence: parseCounts(counts),
      level: Math.max(parseLevel(last), parseLevel(lastInShadow)),
    }
  }

  async revisionAge(policy: string, revision: number): Promise<number> {
    const [age] = await this.run(REVISION, [...this.keys.list, this.keys.revisions], [policy, String(revision), String(MAX_POLICIES)])
    return age === 'inf' ? Infinity : Number(age)
  }

  close(): void {
    if (this.connection.isOwn) this.connection.client.disconnect()
  }

  private reportSome(reports: readonly StrikeReport[], rule: EscalationRule): Promise<readonly (string | undefined)[]> {
    const { name, effect, window, strikes, endpoints, refusedShare, first, longest, quiet, maxPerMinute, maxShare, active } = rule
    const numbers = [window, strikes, endpoints, refusedShare, first, longest, quiet, highestLevel(rule), maxPerMinute, maxShare, active]
    const keys: string[] = [...this.keys.list]
    const args = [name, effect, ...numbers.map(String), String(rule.maxEntries)]
    for (const report of reports) {
      const id = idOf(report)
      keys.push(this.keys.counts(id), this.keys.last(id, effect === 'shadow'))
      const limits = report.limits.filter((limit) => LIMIT.test(limit)).join('|')
      args.push(id, String(report.strikes), String(report.refused), String(report.requests), report.endpoints, limits)
    }
    return this.run(REPORT, keys, args)
  }

  private read(keys: readonly string[], what: string, at: string, count: number): Promise<readonly (string | undefined)[]> {
    return this.run(READ, keys, [what, at, String(count)])
  }

  private async run(of: Script, keys: readonly string[], args: readonly string[]): Promise<readonly (string | undefined)[]> {
    const now = this.clock === undefined ? '' : String(Math.floor(this.clock.now()))
    const reply: unknown = await runWhenReady(this.connection, of, { keys, args: [now, ...args] })
    // A script with one value replies with it.
    return (Array.isArray(reply) ? reply : [reply]).map((value: unknown) => (value === null ? undefined : String(value as Buffer | string)))
  }
}

/** The entries of pairs of an id and a text. A text that somebody else wrote is none. */
function entriesOf(fields: readonly (string | undefined)[]): readonly BlockRecord[] {
  const records: BlockRecord[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const record = parseEntry(fields[i] ?? '', fields[i + 1] ?? '')
    if (record !== undefined) records.push(record)
  }
  return records
}
