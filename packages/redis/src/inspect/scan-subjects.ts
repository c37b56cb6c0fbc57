import { SluiceError } from '@sluice/core'
import { invalid } from '@sluice/core/store-kit'
import type { RedisSource } from '../client/connect.ts'
import { type Keys, subjectOf } from '../keys.ts'
import { isLedgerKey } from '../state/ledger-keys.ts'
import { checkDefinition, checkOptions, limitsIn, type LimiterDefinition, nameOf, policiesOf } from './definitions.ts'
import type { PolicyDescription, StateDescription } from './description.ts'
import { layoutIn, type LayoutOptions } from './layout.ts'
import { PolicyReader } from './read-policy.ts'
import { escaped, Reader } from './reader.ts'

/**
 * Options of `scanSubjects`.
 * @example
 * ```ts
 * import { slidingWindow } from '@sluice/core'
 * import type { ScanOptions } from '@sluice/redis'
 *
 * const options: ScanOptions = {
 *   limiter: { name: 'api', limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })] },
 *   onProgress: ({ keys, total }) => console.log(`${keys} of ${total} keys`),
 *   signal: AbortSignal.timeout(60_000),
 * }
 * ```
 */
export interface ScanOptions extends LayoutOptions {
  /** The limiter whose subjects are listed, with its limits. */
  readonly limiter: LimiterDefinition
  /** `'limited'` (default): subjects that are blocked, or have nothing left under a limit. `'all'`: every subject with a state. */
  readonly which?: 'limited' | 'all' | undefined
  /** About how many keys the server looks at in one step: 1 to 10,000. Default 500. */
  readonly count?: number | undefined
  /** Ends the list: it throws the reason of the signal before the next step. */
  readonly signal?: AbortSignal | undefined
  /** Called after each step. */
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined
}

/** How far `scanSubjects` is. */
export interface ScanProgress {
  /** About how many keys the servers have looked at. */
  readonly keys: number
  /** How many keys the servers have; `undefined` if the Redis user may not ask. */
  readonly total: number | undefined
  /** How many subjects were listed. */
  readonly found: number
}

/** A subject that `scanSubjects` has found. */
export interface ScannedSubject extends PolicyDescription {
  /** `undefined` for a subject whose key has only its hash. */
  readonly subject: string | undefined
  /** What the key has of the subject: the subject, or its hash. */
  readonly text: string
  /** ms since the epoch, by Redis's clock. */
  readonly at: number
  /** The limits under which nothing is left. */
  readonly limited: readonly StateDescription[]
}

const WHERE = 'scanSubjects'
const MAX_COUNT = 10_000
/** How many subjects are read at a time. */
const AT_A_TIME = 32

/**
 * Lists the subjects of a limiter that are at a limit now, or all that have a state. It walks over the keys by SCAN, a bounded step at a
 * time, and never by KEYS; on a Cluster, over the keys of every primary. It charges and writes nothing. A subject can come twice if Redis
 * resizes its table meanwhile, and one that is charged meanwhile can be missed.
 * @param source as for `redisStore`: a client of yours, which stays open, or where to connect
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, RedisStoreError if Redis cannot be read, and the reason of the signal
 * @example
 * ```ts
 * import { slidingWindow } from '@sluice/core'
 * import { scanSubjects } from '@sluice/redis'
 *
 * const limiter = { name: 'api', limits: [slidingWindow({ name: 'minute', limit: 100, window: '1m' })] }
 * for await (const { subject, limited } of scanSubjects({ url: 'redis://localhost:6379' }, { limiter }))
 *   console.log(subject, limited.map(({ limit }) => limit))
 * ```
 */
export async function* scanSubjects(source: RedisSource, options: ScanOptions): AsyncGenerator<ScannedSubject, void, void> {
  const { limiter, which = 'limited', count = 500, signal, onProgress } = checked(options)
  const reader = await Reader.open(source)
  try {
    const keys = await layoutIn(reader, WHERE, options)
    if (keys.packing !== undefined)
      throw new SluiceError(
        'ERR_OPTION_INVALID',
        `${WHERE}: prefix: expected data that is not packed, since packed subjects have no keys of their own, got packed data; use describeSubject() for a subject whose name is known`,
      )
    const generation = String((await reader.value(keys.generationOf(nameOf(limiter)))) ?? '')
    const policies = policiesOf(limiter, generation)
    const total = await reader.size()
    let looked = 0
    let found = 0
    for (const policy of policies) {
      const place = placesIn(keys, policy)
      for (const scan of await reader.scanners(`${escaped(keys.prefix)}:{*}:${escaped(policy)}[+:]*`, count)) {
        let cursor = '0'
        do {
          signal?.throwIfAborted()
          const step = await scan(cursor)
          cursor = step.cursor
          looked += count
          const now = step.keys.length > 0 ? await reader.now() : 0
          const places = step.keys.flatMap((key) => place(key) ?? [])
          for (let i = 0; i < places.length; i += AT_A_TIME) {
            signal?.throwIfAborted()
            const part = places.slice(i, i + AT_A_TIME)
            const query = { policy, isEnded: false, known: limitsIn(limiter, policy), own: [] }
            const read = await Promise.all(part.map((each) => new PolicyReader(reader, keys, each, now).read(query)))
            for (const [j, description] of read.entries()) {
              const { key, subject, text } = part[j] as KeyPlace
              if (!isFirstKey(key, description)) continue
              const limited = description.states.filter(({ remaining }) => remaining === 0)
              if (which === 'limited' && limited.length === 0 && description.blockedUntil === undefined) continue
              found += 1
              yield { ...description, subject, text, at: Math.floor(now / 1000), limited }
            }
          }
          onProgress?.({ keys: Math.min(looked, (total ?? Infinity) * policies.length), total: total && total * policies.length, found })
        } while (cursor !== '0')
      }
    }
  } finally {
    reader.close()
  }
}

interface KeyPlace {
  readonly key: string
  readonly base: string
  readonly text: string
  readonly subject: string | undefined
}

/** Reads the place of a subject from a key of the policy. `undefined` for a key that is none. */
function placesIn(keys: Keys, policy: string): (key: string) => KeyPlace | undefined {
  const bases = keys.tags.map((tag) => `${keys.prefix}:{${tag}}:`)
  return (key) => {
    const base = bases.find((each) => key.startsWith(each))
    if (base === undefined || isLedgerKey(key) || !key.startsWith(policy, base.length)) return undefined
    const text = key.slice(key.indexOf(':', base.length + policy.length) + 1)
    const subject = subjectOf(text)
    // A subject is always in one partition. A key elsewhere is foreign.
    if (text === '' || (subject !== undefined && keys.endsOf(subject).base !== base)) return undefined
    return { key, base, text, subject }
  }
}

/** Whether a subject with several keys is listed for this one: the first that exists. */
function isFirstKey(key: string, { keys }: PolicyDescription): boolean {
  return keys.find((each) => !isLedgerKey(each.key))?.key === key
}

function checked(options: ScanOptions): ScanOptions {
  checkOptions(WHERE, options, ['limiter', 'which', 'count', 'signal', 'onProgress', 'prefix', 'secret'])
  const { limiter, which = 'limited', count = 1, onProgress } = options
  checkDefinition(`${WHERE}: limiter`, limiter)
  if (policiesOf(limiter, '').length === 0) throw invalid(`${WHERE}: limiter`, 'limits or tiers with at least one limit', 'none')
  if (which !== 'limited' && which !== 'all') throw invalid(`${WHERE}: which`, "'limited' or 'all'", which)
  if (!Number.isInteger(count) || count < 1 || count > MAX_COUNT)
    throw invalid(`${WHERE}: count`, `a whole number, 1 to ${MAX_COUNT}`, count)
  if (onProgress !== undefined && typeof onProgress !== 'function') throw invalid(`${WHERE}: onProgress`, 'a function', onProgress)
  return options
}
