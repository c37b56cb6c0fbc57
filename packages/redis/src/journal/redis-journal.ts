import { invalid, keptAlive, knownOptions } from '@sluice/core/store-kit'
import { connect, type RedisSource } from '../client/connect.ts'
import { runWhenReady } from '../client/ready.ts'
import { hashTagOf } from '../client/watch-stream.ts'
import { script } from '../scripts/script.ts'
import { JOURNAL } from '../scripts/scripts.gen.ts'

/** The options of `redisJournal`. */
export interface JournalOptions {
  /** Names the stream: 1 to 64 letters, digits, `_`, `.`, `:` or `-`. */
  readonly key: string
  /** About how many entries are kept: 1 to 1,000,000. Default: 10,000. */
  readonly most?: number | undefined
}

/** An entry of a journal, as Redis has it. */
export interface JournalEntry {
  /** Rises with each entry. */
  readonly id: string
  readonly text: string
}

/** Texts in the order in which they were added, by any process. Every method rejects if Redis cannot be reached. */
export interface Journal {
  /** @param text not empty, at most 64 kB */
  append(text: string): Promise<string>
  /** The last entries, the newest first. @param before only entries before the one of this id */
  read(count: number, before?: string): Promise<readonly JournalEntry[]>
  /** Ends a connection that was made here. */
  close(): void
}

const SCRIPT = script('', JOURNAL)
const MAX = 65_536

/**
 * A bounded list of texts in one stream of Redis, such as the audit log of `@sluice/server`.
 * @param redis a client of yours, or where to connect, as for `redisStore`
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { redisJournal } from '@sluice/redis'
 *
 * const journal = redisJournal({ url: 'redis://localhost:6379' }, { key: 'sluice:audit' })
 * await journal.append(JSON.stringify({ who: 'ada', action: 'policies.publish' }))
 * console.log(await journal.read(10))
 * ```
 */
export function redisJournal(redis: RedisSource, options: JournalOptions): Journal {
  knownOptions('redisJournal', options, ['key', 'most'])
  const { key, most = 10_000 } = options
  const keys = [hashTagOf('redisJournal', key)]
  if (!Number.isInteger(most) || most < 1 || most > 1_000_000) throw invalid('redisJournal: most', 'a whole number from 1 to 1000000', most)
  const connection = connect(redis)
  const run = (args: readonly string[]): Promise<readonly unknown[]> => keptAlive(runWhenReady(connection, SCRIPT, { keys, args }))
  return {
    async append(text): Promise<string> {
      if (typeof text !== 'string' || text === '' || text.length > MAX)
        throw invalid('append: text', `a text of 1 to ${MAX} characters`, typeof text)
      const [id] = await run([text, String(most), '', ''])
      return String(id)
    },
    async read(count, before): Promise<readonly JournalEntry[]> {
      // An id is read with its own entry, which is left out here: Redis knows '(' only from 6.2 on.
      const reply = (await run(['', '', before ?? '+', String(before === undefined ? count : count + 1)])).map(String)
      const entries = Array.from({ length: reply.length / 2 }, (_, i) => ({ id: reply[2 * i] ?? '', text: reply[2 * i + 1] ?? '' }))
      return entries.filter(({ id }) => id !== before).slice(0, count)
    },
    close(): void {
      if (connection.isOwn) connection.client.disconnect()
    },
  }
}
