import { systemClock } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/store-kit'
import type { RedisSource } from '../client/connect.ts'
import { Reader } from '../inspect/reader.ts'
import { AnalyticsKeys, type BoardName, boardOf, boardText, hourOf } from './keys.ts'
import { type AnalyticsReaderOptions, hashOf, plainSubject, prefixOf } from './options.ts'
import { inParts } from './in-parts.ts'
import {
  checkedBoards,
  checkedUsage,
  type Sought,
  type SubjectViolations,
  type UsageQuery,
  type UsageRow,
  type ViolationsQuery,
  type Violator,
  type ViolatorsQuery,
} from './queries.ts'
import { readUsage } from './read-usage.ts'

/** Reads what all processes have counted. Every method rejects with RedisStoreError if Redis cannot be read. */
export interface AnalyticsReader {
  /** The subjects with most refusals since some hours ago, the first the most. @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
  topViolators(query?: ViolatorsQuery): Promise<readonly Violator[]>
  /** Requests and units by time, and by what `by` names. @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
  usage(query?: UsageQuery): Promise<readonly UsageRow[]>
  /**
   * The refusals of one subject, by policy and endpoint. @param subject its own text, or its hash as `topViolators` returns it
   * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
   */
  violations(subject: string, query?: ViolationsQuery): Promise<readonly SubjectViolations[]>
  /** Ends a connection that the reader made. */
  close(): Promise<void>
}

/**
 * Reads the analytics of other processes, such as for an operator's page. It counts nothing and writes nothing.
 * @param source as for `redisStore`: a client of yours, which stays open, or where to connect
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { analyticsReader } from '@sluice/redis'
 *
 * const reader = analyticsReader({ url: 'redis://localhost:6379' })
 * for (const { at, verdict, requests } of await reader.usage({ from: Date.now() - 600_000, step: '1m' }))
 *   console.log(new Date(at).toISOString(), verdict, requests)
 * await reader.close()
 * ```
 */
export function analyticsReader(source: RedisSource, options: AnalyticsReaderOptions = {}): AnalyticsReader {
  knownOptions('analyticsReader', options, ['prefix', 'secret'])
  return new Boards(() => Reader.open(source), 'analyticsReader', options)
}

/** Hours of a board that count in a list over several hours: the first of each. */
const PER_HOUR = 1_000

export class Boards implements AnalyticsReader {
  private readonly open: () => Promise<Reader>
  private readonly keys: AnalyticsKeys
  private readonly hash: ((subject: string) => string) | undefined
  private readonly now: () => number
  private opening: Promise<Reader> | undefined

  /** @throws ERR_OPTION_INVALID */
  constructor(open: () => Promise<Reader>, where: string, options: AnalyticsReaderOptions, now: () => number = systemClock.now) {
    this.open = open
    this.keys = new AnalyticsKeys(prefixOf(where, options))
    this.hash = hashOf(where, options)
    this.now = now
  }

  async topViolators(query: ViolatorsQuery = {}): Promise<readonly Violator[]> {
    const sought = checkedBoards('topViolators', query, this.now())
    const reader = await this.reader()
    const most = sought.hours.length === 1 ? sought.limit : Math.max(PER_HOUR, sought.limit)
    const found = new Map<string, Violator>()
    await this.eachBoard(reader, sought, async (board, hour) => {
      for (const [subject, violations] of await reader.highest(this.keys.board(board, hour), most)) {
        const id = JSON.stringify([board.namespace, boardText(board), subject])
        found.set(id, { ...board, subject, violations: violations + (found.get(id)?.violations ?? 0) })
      }
    })
    return [...found.values()].toSorted((a, b) => b.violations - a.violations || (a.subject < b.subject ? -1 : 1)).slice(0, sought.limit)
  }

  async usage(query: UsageQuery = {}): Promise<readonly UsageRow[]> {
    const range = checkedUsage(query, this.now())
    const reader = await this.reader()
    return readUsage(reader, this.keys, await this.namespaces(reader, query.namespace), range)
  }

  async violations(subject: string, query: ViolationsQuery = {}): Promise<readonly SubjectViolations[]> {
    if (typeof subject !== 'string' || subject === '') throw invalid('violations: subject', 'a text that is not empty', subject)
    const sought = checkedBoards('violations', query, this.now())
    const reader = await this.reader()
    // A hash is looked up as it stands. A subject in the clear has no place on a board of hashes, and the reverse.
    const texts = [...new Set([subject, plainSubject(subject), ...(this.hash === undefined ? [] : [this.hash(subject)])])]
    const found = new Map<string, { readonly board: BoardName; count: number; readonly endpoints: Map<string, number> }>()
    await this.eachBoard(reader, sought, async (board, hour) => {
      const [scores, lines] = await Promise.all([
        reader.scores(this.keys.board(board, hour), texts),
        reader.fields(this.keys.endpoints(board, hour), ...texts),
      ])
      const count = scores.reduce((sum, score) => sum + score, 0)
      if (count === 0) return
      const id = JSON.stringify([board.namespace, boardText(board)])
      const entry = found.get(id) ?? { board, count: 0, endpoints: new Map<string, number>() }
      entry.count += count
      for (const [, number, endpoint = ''] of lines
        .filter((line) => line !== null)
        .join('')
        .matchAll(/(\d+) (.*)\n/g))
        entry.endpoints.set(endpoint, (entry.endpoints.get(endpoint) ?? 0) + Number(number))
      found.set(id, entry)
    })
    return Array.from(found.values(), ({ board, count, endpoints }) => ({
      ...board,
      violations: count,
      endpoints: Array.from(endpoints, ([endpoint, violations]) => ({ endpoint, violations })).toSorted(
        (a, b) => b.violations - a.violations,
      ),
    })).toSorted((a, b) => b.violations - a.violations)
  }

  async close(): Promise<void> {
    const reader = await this.opening?.catch(() => undefined)
    this.opening = undefined
    reader?.close()
  }

  private reader(): Promise<Reader> {
    this.opening ??= this.open().catch((error: unknown) => {
      // The next call connects again.
      this.opening = undefined
      throw error
    })
    return this.opening
  }

  private async namespaces(reader: Reader, given: string | undefined): Promise<readonly string[]> {
    return given === undefined ? reader.members(this.keys.namespaces) : [given]
  }

  private async eachBoard(reader: Reader, sought: Sought, read: (board: BoardName, hour: number) => Promise<void>): Promise<void> {
    const namespaces = await this.namespaces(reader, sought.namespace)
    const hours = namespaces.flatMap((namespace) => sought.hours.map((hour) => ({ namespace, hour })))
    await inParts(hours, async ({ namespace, hour }) => {
      const names = await reader.set(this.keys.boards(namespace, hourOf(hour)))
      for (const name of names) {
        const board = boardOf(namespace, name)
        if (sought.policy !== undefined && board.policy !== sought.policy) continue
        if (sought.mode === board.mode) await read(board, hour)
      }
    })
  }
}
