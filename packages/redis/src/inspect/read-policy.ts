import type { Outcome } from '@sluice/core'
import {
  decide,
  type FixedWindowState,
  holdersOf,
  listEntries,
  type SlidingLogState,
  type SlidingWindowState,
} from '@sluice/core/algorithms'
import { stateIdOf, stateNameOf } from '@sluice/core/store-kit'
import type { Keys, Placement } from '../keys.ts'
import { decodeState, numbersOf, stateFromNumbers } from '../state/codec.ts'
import { BLOCK_ID, EntryList } from '../state/entries.ts'
import { leasesKey } from '../state/ledger-keys.ts'
import { decodeEntry, fieldBytes, HEADER, packedKeyOf } from '../state/packed.ts'
import { isBucket, takenName } from '../state/taken.ts'
import { type KnownLimit, policyNameOf } from './definitions.ts'
import type { PolicyDescription, StateDescription } from './description.ts'
import type { Reader } from './reader.ts'

/** The most holders that are listed. */
const MAX_HOLDERS = 100
const OWN_KEY = /^(.+)\.(cc|sl)(?:(\d+)(m?s))?$/

/** Where the states of a subject are. Of a hashed subject, only its hash is known. */
export interface SubjectPlace {
  readonly base: string
  readonly text: string
  readonly subject: string | undefined
}

/** Which policy is read, and what is known of it. */
export interface PolicyQuery {
  readonly policy: string
  readonly isEnded: boolean
  readonly known: readonly KnownLimit[]
  /** `<limit>.<variant>` of states with keys of their own that were found under other limits. */
  readonly own: readonly string[]
}

interface Found {
  readonly state: unknown
  readonly until: number | undefined
  readonly windowEnd?: number | undefined
  readonly holders?: StateDescription['holders']
  readonly key: string
  readonly id?: number | undefined
  readonly leased?: number
}

/** Reads the states of one policy for a subject. */
export class PolicyReader {
  private readonly reader: Reader
  private readonly keys: Keys
  private readonly place: SubjectPlace
  /** µs */
  private readonly now: number

  constructor(reader: Reader, keys: Keys, place: SubjectPlace, now: number) {
    this.reader = reader
    this.keys = keys
    this.place = place
    this.now = now
  }

  async read({ policy, isEnded, known, own }: PolicyQuery): Promise<PolicyDescription> {
    const { reader, now } = this
    const { base, text } = this.place
    const valueKey = `${base}${policy}:${text}`
    const [value, leases] = await Promise.all([reader.value(valueKey), reader.value(leasesKey(valueKey))])
    const entries = new EntryList(value ?? null)
    const ledger = new EntryList(leases ?? null)
    const ids = new Set<number>([BLOCK_ID])
    const ownKeys = new Set(own)
    const states: StateDescription[] = []
    for (const limit of known) {
      const placement = this.keys.placementOf(limit)
      if (placement.isPacked && this.place.subject === undefined) continue
      const isShared = placement.isEntry && !placement.isPacked
      if (isShared && isBucket(limit.limit)) ids.add(stateIdOf(takenName(stateNameOf(limit))))
      if (isShared) ids.add(placement.id)
      else ownKeys.delete(placement.part.slice(policy.length + 1, -1))
      const found = isShared
        ? this.shared(limit, placement, entries, ledger, valueKey)
        : placement.isPacked
          ? await this.packed(limit)
          : await this.grown(limit, `${base}${placement.part}${text}`)
      states.push(this.described(limit, found))
    }
    for (const [id, [first, second]] of entries.list())
      if (!ids.has(id) && first > now) states.push({ ...UNKNOWN, used: second, until: ms(first), id, key: valueKey })
    for (const name of ownKeys) states.push(...(await this.unknownOwn(name, `${base}${policy}+${name}:${text}`)))
    const names = [valueKey, leasesKey(valueKey), ...states.filter(({ id }) => id === undefined).map(({ key }) => key)]
    const present = await Promise.all([...new Set(names)].map(async (key) => ({ key, ttl: await reader.lifeOf(key) })))
    const { limiter } = policyNameOf(policy)
    const blockedUntil = entries.blockedUntil > now ? ms(entries.blockedUntil) : undefined
    return { policy, limiter, isEnded, blockedUntil, states, keys: present.filter(({ ttl }) => ttl !== undefined) }
  }

  private shared({ limit }: KnownLimit, { id }: Placement, entries: EntryList, ledger: EntryList, key: string): Found {
    const numbers = entries.get(id)
    const state = stateFromNumbers(limit, numbers)
    const until = numbers === undefined || state === undefined ? undefined : ms(numbers[0])
    const [end = 0, current = 0, before = 0] = ledger.get(id) ?? []
    return { state, until, windowEnd: this.windowEnd(limit, until), key, id, leased: end > this.now ? current + before : 0 }
  }

  private async packed({ limit, scope }: KnownLimit): Promise<Found> {
    const { bucket, field } = packedKeyOf(this.keys.keyOf({ limit, scope, subject: this.place.subject as string }))
    const [header = null, entry = null] = await this.reader.fields(bucket, HEADER, fieldBytes(field))
    const state = decodeEntry(header, entry, limit.window as number)
    return { ...this.windowIn(limit, state), key: bucket }
  }

  windowIn(limit: KnownLimit['limit'], state: FixedWindowState | SlidingWindowState | undefined): Omit<Found, 'key'> {
    const until = state && ms(numbersOf(limit, state)[0])
    return { state, until, windowEnd: this.windowEnd(limit, until) }
  }

  private async grown({ limit }: KnownLimit, key: string): Promise<Found> {
    if (limit.algorithm === 'concurrency') return this.holders(key)
    const value = await this.reader.value(key)
    const state = value === null || value === undefined ? undefined : (decodeState(limit, value) as SlidingLogState | undefined)
    const newest = state && listEntries(state).at(-1)?.time
    return { state, until: newest && ms(newest) + (limit.window as number), key }
  }

  private async holders(key: string): Promise<Found> {
    const { count, members } = await this.reader.lowest(key, MAX_HOLDERS)
    const live = members.filter(([, expires]) => expires > this.now)
    const state = holdersOf(
      live.map(([id, expires]) => ({ id, expires })),
      count - members.length,
    )
    const holders = live.map(([id, expires]) => ({ id, until: ms(expires) }))
    return { state, until: holders.at(-1)?.until, holders, key }
  }

  /** A state with a key of its own, under a limit that was not given. Nothing for a key of another kind. */
  private async unknownOwn(name: string, key: string): Promise<readonly StateDescription[]> {
    const [, limit = '', kind, length, unit] = OWN_KEY.exec(name) ?? []
    if (kind === 'cc') {
      const { until, holders = [], state } = await this.holders(key)
      if (until === undefined) return []
      return [{ ...UNKNOWN, limit, algorithm: 'concurrency', used: (state as { count: number }).count, until, holders, key }]
    }
    if (kind !== 'sl') return []
    const window = Number(length) * (unit === 's' ? 1_000 : 1)
    const value = await this.reader.value(key)
    const log = value && (decodeState({ algorithm: 'slidingLog', name: limit, limit: 1, window }, value) as SlidingLogState | undefined)
    const entries = log ? listEntries(log).filter(({ time }) => time + window * 1000 > this.now) : []
    if (entries.length === 0) return []
    const used = entries.reduce((sum, { units }) => sum + units, 0)
    return [{ ...UNKNOWN, limit, algorithm: 'slidingLog', used, until: ms(entries.at(-1)?.time ?? 0) + window, key }]
  }

  private windowEnd({ algorithm, window }: KnownLimit['limit'], until: number | undefined): number | undefined {
    const at = ms(this.now)
    if (until === undefined || until <= at || (algorithm !== 'fixedWindow' && algorithm !== 'slidingWindow')) return undefined
    const current = algorithm === 'slidingWindow' ? until - (window as number) : until
    return current > at ? current : until
  }

  described({ limit, scope, tiers, varies }: KnownLimit, { state, holders = [], leased = 0, id, ...found }: Found): StateDescription {
    const charge = { limit, scope, subject: '', cost: 0 }
    const { used, remaining, resetAfter } = decide([charge], [0], [state], this.now, { how: 'peek', source: 'redis' })
      .outcomes[0] as Outcome
    const fullAt = resetAfter === 0 ? undefined : ms(this.now) + resetAfter
    const most = limit.burst ?? limit.limit
    return {
      ...UNKNOWN,
      ...found,
      limit: limit.name,
      algorithm: limit.algorithm,
      tiers,
      varies,
      used,
      remaining,
      most,
      fullAt,
      holders,
      leased,
      id,
    }
  }
}

const UNKNOWN = {
  limit: undefined,
  tiers: [],
  algorithm: undefined,
  most: undefined,
  remaining: undefined,
  varies: false,
  windowEnd: undefined,
  fullAt: undefined,
  holders: [],
  leased: 0,
  id: undefined,
} as const satisfies Partial<StateDescription>

function ms(micros: number): number {
  return Math.floor(micros / 1000)
}
