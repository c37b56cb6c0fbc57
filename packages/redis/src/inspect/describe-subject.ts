import { invalid } from '@sluice/core/store-kit'
import type { RedisSource } from '../client/connect.ts'
import type { Keys } from '../keys.ts'
import { isLedgerKey } from '../state/ledger-keys.ts'
import { checkDefinition, checkOptions, limitsIn, type LimiterDefinition, nameOf, policiesOf, policyNameOf } from './definitions.ts'
import type { SubjectDescription } from './description.ts'
import { layoutIn, type LayoutOptions } from './layout.ts'
import { PolicyReader } from './read-policy.ts'
import { escaped, Reader } from './reader.ts'

/**
 * Options of `describeSubject`.
 * @example
 * ```ts
 * import type { DescribeOptions } from '@sluice/redis'
 *
 * const options: DescribeOptions = { subject: 'user:42', prefix: 'shop', search: 10_000 }
 * ```
 */
export interface DescribeOptions extends LayoutOptions {
  /** The text of the subject, as `limiter.consume` and `limiter.reset` take it. `joinSubject` makes it of several values. */
  readonly subject: string
  /** The limiters whose limits are known: their states have names and numbers. Default: none, so that states have only ids and counts. */
  readonly limiters?: readonly LimiterDefinition[] | undefined
  /**
   * How many keys may be searched for policies that are not among `limiters`: a whole number, 0 or more. Default 100,000. On a Cluster, on
   * each primary. 0: no search.
   */
  readonly search?: number | undefined
}

const WHERE = 'describeSubject'
const STEP = 1_000
const DEFAULT_SEARCH = 100_000
/** A policy, and for a state with a key of its own its limit and variant. A key with another middle is of another subject, or foreign. */
const MIDDLE = /^([\w.~@!#-]+)(?:\+([\w.#-]+))?$/

/**
 * Reads what Redis holds for a subject, in every policy that is given or found. It charges and writes nothing, and runs no script.
 * @param source as for `redisStore`: a client of yours, which stays open, or where to connect
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, and RedisStoreError if Redis cannot be read
 * @example
 * ```ts
 * import { slidingWindow } from '@sluice/core'
 * import { describeSubject, formatSubject } from '@sluice/redis'
 *
 * const limiters = [{ name: 'api', limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })] }]
 * const description = await describeSubject({ url: 'redis://localhost:6379' }, { subject: 'user:42', limiters })
 * console.log(formatSubject(description))
 * ```
 */
export async function describeSubject(source: RedisSource, options: DescribeOptions): Promise<SubjectDescription> {
  checkOptions(WHERE, options, ['subject', 'prefix', 'secret', 'limiters', 'search'])
  const { subject, limiters = [], search = DEFAULT_SEARCH } = options
  if (typeof subject !== 'string' || subject === '') throw invalid(`${WHERE}: subject`, 'a text that is not empty', subject)
  if (!Number.isInteger(search) || search < 0) throw invalid(`${WHERE}: search`, 'a whole number, 0 or more', search)
  if (!Array.isArray(limiters)) throw invalid(`${WHERE}: limiters`, 'a list of { name, limits }', limiters)
  for (const [i, limiter] of limiters.entries()) checkDefinition(`${WHERE}: limiters[${i}]`, limiter)
  const reader = await Reader.open(source)
  try {
    const keys = await layoutIn(reader, WHERE, options)
    const generations = new Map<string, string>()
    const generationOf = async (limiter: string): Promise<string> => {
      const known = generations.get(limiter) ?? String((await reader.value(keys.generationOf(limiter))) ?? '')
      generations.set(limiter, known)
      return known
    }
    const place = { ...keys.endsOf(subject), subject }
    const { found, searched } = await searchKeys(reader, place, search)
    for (const limiter of limiters)
      for (const policy of policiesOf(limiter, await generationOf(nameOf(limiter)))) found.set(policy, found.get(policy) ?? [])
    const now = await reader.now()
    const policyReader = new PolicyReader(reader, keys, place, now)
    const policies = await Promise.all(
      [...found]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(async ([policy, own]) => {
          const { limiter, generation } = policyNameOf(policy)
          const definition = limiters.find((each) => nameOf(each) === limiter)
          const isEnded = generation !== (await generationOf(limiter))
          return policyReader.read({ policy, isEnded, known: limitsIn(definition, policy), own })
        }),
    )
    return { subject, at: Math.floor(now / 1000), policies, searched, isPacked: keys.packing !== undefined }
  } finally {
    reader.close()
  }
}

/** The policies with keys of the subject, and their states with keys of their own. */
async function searchKeys(
  reader: Reader,
  { base, text }: ReturnType<Keys['endsOf']>,
  most: number,
): Promise<{ readonly found: Map<string, string[]>; readonly searched: SubjectDescription['searched'] }> {
  const found = new Map<string, string[]>()
  if (most === 0) return { found, searched: 'none' }
  let isPart = false
  const scanners = await reader.scanners(`${escaped(base)}*:${escaped(text)}`, Math.min(STEP, most))
  for (const scan of scanners) {
    let cursor = '0'
    let looked = 0
    do {
      const step = await scan(cursor)
      for (const key of step.keys) {
        const [, policy, own] = MIDDLE.exec(key.slice(base.length, -text.length - 1)) ?? []
        if (policy === undefined || isLedgerKey(key)) continue
        const list = found.get(policy) ?? []
        if (own !== undefined && !list.includes(own)) list.push(own)
        found.set(policy, list)
      }
      cursor = step.cursor
      looked += STEP
    } while (cursor !== '0' && looked < most)
    isPart ||= cursor !== '0'
  }
  return { found, searched: isPart ? 'part' : 'all' }
}
