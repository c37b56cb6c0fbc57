import { createHash } from 'node:crypto'
import { type Charge, type Limit, SluiceError } from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import { hash32, splitScope, stateCollision, stateIdOf, stateNameOf } from '@sluice/core/store-kit'
import { SLOTS, slotOf } from './slots.ts'
import type { RedisRegions } from './regions/types.ts'
import { isEntry } from './state/codec.ts'
import { isPackable, lifetimeOf, packedNameOf, type PackedPlace, type Packing } from './state/packed.ts'
import { isBucket, takenName } from './state/taken.ts'

/** Bytes. A longer subject is hashed, because every request sends the key. */
const MAX_SUBJECT = 64
const HASH_MARK = '#'
const NOT_ASCII = /[^ -~]/
/** What follows the subject in the keys of lease ledgers. A subject that ends so would have the key of another subject's ledger. */
const MARK = /![a-z]$/
const NAME = /^[\w.~@!-]+$/

/** In the key of a state that has its own. The ttl of holders is not in it: a changed ttl must not forget them. */
const SHORT = { fixedWindow: 'fw', slidingWindow: 'sw', slidingLog: 'sl', concurrency: 'cc', tokenBucket: 'tb', leakyBucket: 'lb' } as const

/** The most state names that are remembered for a policy. A function that returns window lengths can make any number. */
const MAX_NAMES = 1_024

/** The most scopes that are remembered. Policies that change while the process runs can make any number. */
const MAX_SCOPES = 10_000

/** Where the states of a limit are, in one scope. */
export interface Placement {
  readonly limit: Limit
  /** The policy of the scope. Only names of one policy must have different ids. */
  readonly policy: string
  /** What stands before the subject in the key, behind the hash tag. */
  readonly part: string
  /** The same for the value of the policy, which has the block of a subject. */
  readonly valuePart: string
  /** Names the state's entry in the value of the key, and its entry in the value of the lease ledger. 0 for a packed state. */
  readonly id: number
  /** Whether the state is an entry of a value that it shares with other limits. Otherwise the key has only this state. */
  readonly isEntry: boolean
  readonly isPacked: boolean
  /** The second entry of a bucket that regions exchange; absent for all others. */
  readonly taken?: TakenEntry | undefined
}

/** What says how many units this region took of a bucket. */
export interface TakenEntry {
  readonly id: number
  /** µs that it lives longer than the bucket takes to fill. */
  readonly keep: number
}

type Target = Pick<Charge, 'limit' | 'scope' | 'subject'>

interface Scope {
  /** The placement seen last: a scope has one limit, or a few that alternate. */
  last: Placement | undefined
  readonly all: WeakMap<Limit, Placement>
}

/**
 * The keys of a store: `<prefix>:{<tag>}:<policy>:<subject>` for windows and buckets, `<policy>+<limit>.<variant>` in place of the policy for a
 * state that has its own key. The subject chooses the hash tag, so all limits of one subject share a slot, and one script can decide them.
 */
export class Keys {
  readonly prefix: string
  /** The hash tag of each partition. */
  readonly tags: readonly string[]
  readonly packing: Packing | undefined
  private readonly exchange: Pick<RedisRegions, 'exchangeOf' | 'keep'> | undefined
  private readonly partitionPrefixes: readonly string[]
  private readonly scopes = new Map<string, Scope>()
  /** By policy, the name of each id. */
  private readonly names = new Map<string, Map<number, string>>()
  // The charges of a decision ask for the same subject in turn.
  private lastSubject = ''
  private lastIndex = -1
  private lastText: string | undefined

  constructor(prefix: string, partitions: number, packing?: Packing, regions?: Pick<RedisRegions, 'exchangeOf' | 'keep'>) {
    this.prefix = prefix
    this.exchange = regions
    this.packing = packing
    this.tags = spreadTags(partitions)
    this.partitionPrefixes = this.tags.map((tag) => `${prefix}:{${tag}}:`)
  }

  /** The key that stores how the data is laid out. It has no expiry. */
  get meta(): string {
    return `${this.prefix}:{meta}`
  }

  /** The key of the sorted set of running instances, by the time of their last heartbeat. */
  get instances(): string {
    return `${this.prefix}:{meta}:instances`
  }

  /** The key of the hash of what this region knows of itself and of the others. It has no expiry. */
  get regions(): string {
    return `${this.prefix}:{meta}:regions`
  }

  /** The key of the generation of a limiter, which only a limiter that was reset has. It has no expiry. */
  generationOf(limiter: string): string {
    return `${this.prefix}:{meta}:generation:${named(limiter)}`
  }

  tagOf(subject: string): string {
    return this.tags[this.partitionIndexOf(subject)] as string
  }

  /** @throws ERR_NAME_COLLISION if a state of the policy has the same id */
  placementOf({ limit, scope: name }: Pick<Charge, 'limit' | 'scope'>): Placement {
    let scope = this.scopes.get(name)
    if (scope === undefined) {
      if (this.scopes.size >= MAX_SCOPES) this.scopes.clear()
      this.scopes.set(name, (scope = { last: undefined, all: new WeakMap() }))
    }
    if (scope.last?.limit === limit) return scope.last
    let placement = scope.all.get(limit)
    if (placement === undefined) scope.all.set(limit, (placement = this.newPlacement(limit, name)))
    scope.last = placement
    return placement
  }

  /** The key of a state. For a packed state it is no key of Redis, but still differs for every state. */
  keyOf(target: Target): string {
    return this.keyAt(this.placementOf(target), target.subject)
  }

  /** The keys of charges. Charges to one policy and subject mostly have the same key, which is then made once. */
  keysOf(charges: readonly Target[], placements: readonly Placement[]): readonly string[] {
    const keys: string[] = []
    for (let i = 0; i < charges.length; i++) {
      const { subject } = charges[i] as Target
      const placement = placements[i] as Placement
      const isSame = i > 0 && placements[i - 1]?.part === placement.part && charges[i - 1]?.subject === subject
      keys.push(isSame ? (keys[i - 1] as string) : this.keyAt(placement, subject))
    }
    return keys
  }

  /** The keys that have the blocks of new charges whose states have keys of their own; `undefined` if there is no such charge. */
  blockKeysOf(charges: readonly Charge[], placements: readonly Placement[]): readonly (string | undefined)[] | undefined {
    let keys: (string | undefined)[] | undefined
    for (let i = 0; i < charges.length; i++) {
      const { cost, receipt, subject } = charges[i] as Charge
      const placement = placements[i] as Placement
      if (placement.isEntry || cost < 0 || receipt !== undefined) continue
      keys ??= charges.map(() => undefined)
      keys[i] = this.valueKeyOf(placement, subject)
    }
    return keys
  }

  /** The key of the value of a policy and subject, which has the block. */
  valueKeyOf({ valuePart: part }: Pick<Placement, 'valuePart'>, subject: string): string {
    return this.keyAt({ part, isPacked: false }, subject)
  }

  private keyAt({ part, isPacked }: Pick<Placement, 'part' | 'isPacked'>, subject: string): string {
    const partition = this.partitionPrefixes[this.partitionIndexOf(subject)] as string
    if (isPacked) return `${partition}${part}${this.packing?.suffixOf(subject)}`
    this.lastText ??= bounded(subject)
    return `${partition}${part}${this.lastText}`
  }

  /** The key of the value of a policy, by its name in scopes. */
  valueKeyIn(policy: string, subject: string): string {
    return this.valueKeyOf({ valuePart: `${named(policy)}:` }, subject)
  }

  /** Where the state with this name is packed, as `<limit>.<algorithm>.<variant>`; `undefined` for one that is not packed. */
  packedIn(policy: string, subject: string, text: string): PackedPlace | undefined {
    const name = this.packing === undefined ? undefined : packedNameOf(text)
    if (name === undefined) return undefined
    const { limit, algorithm, window } = name
    const key = this.keyAt({ part: `${named(policy)}+${named(limit)}.${SHORT[algorithm]}${window}:`, isPacked: true }, subject)
    return { key, window, lifetime: lifetimeOf(algorithm, window) }
  }

  /** What stands for a policy in the keys of its values. */
  policyPart(policy: string): string {
    return named(policy)
  }

  /** The beginning of every key of a subject, and what stands for the subject at its end. */
  endsOf(subject: string): { readonly base: string; readonly text: string } {
    const base = this.partitionPrefixes[this.partitionIndexOf(subject)] as string
    return { base, text: this.valueKeyOf({ valuePart: '' }, subject).slice(base.length) }
  }

  private partitionIndexOf(subject: string): number {
    if (this.lastIndex >= 0 && this.lastSubject === subject) return this.lastIndex
    this.lastSubject = subject
    this.lastText = undefined
    this.lastIndex = hash32(subject) & (this.tags.length - 1)
    return this.lastIndex
  }

  private newPlacement(limit: Limit, scope: string): Placement {
    const { policy, state } = splitScope(scope)
    const isPacked = this.packing !== undefined && isPackable(limit)
    const sharesValue = !isPacked && isEntry(limit)
    const valuePart = `${named(policy)}:`
    const part = sharesValue ? valuePart : `${named(policy)}+${named(limitNameIn(state, limit))}.${shortVariant(limit, isPacked)}:`
    const id = isPacked ? 0 : this.claimId(policy, stateNameOf({ scope, limit }))
    return { limit, policy, part, valuePart, id, isEntry: isEntry(limit), isPacked, ...this.takenOf(policy, { scope, limit }) }
  }

  private takenOf(policy: string, target: Pick<Charge, 'limit' | 'scope'>): { readonly taken?: TakenEntry } {
    const { exchange } = this
    if (exchange === undefined || !isBucket(target.limit) || exchange.exchangeOf(target) !== 'exchanged') return {}
    return { taken: { id: this.claimId(policy, takenName(stateNameOf(target))), keep: exchange.keep * 1000 } }
  }

  private claimId(policy: string, name: string): number {
    let names = this.names.get(policy)
    if (names === undefined || names.size >= MAX_NAMES) this.names.set(policy, (names = new Map()))
    const id = stateIdOf(name)
    const other = names.get(id)
    if (other !== undefined && other !== name) throw stateCollision(other, name)
    names.set(id, name)
    return id
  }
}

/** @throws ERR_PACKED_LIMITS: packed state is for policies with one window limit, because each would be a hash of its own */
export function checkPacked(placements: readonly Placement[]): void {
  for (let i = 1; i < placements.length; i++) {
    const { isPacked, policy, part, limit } = placements[i] as Placement
    const other = isPacked
      ? placements.find((each, j) => j < i && each.isPacked && each.policy === policy && each.part !== part)
      : undefined
    if (other === undefined) continue
    throw new SluiceError(
      'ERR_PACKED_LIMITS',
      `redisStore: packed: expected one window limit a policy, got a decision over "${other.limit.name}" and "${limit.name}" of "${policy}"; ` +
        'use a store without packed, whose limits share a key, or give each limit a policy of its own',
    )
  }
}

/** The name of the limit in a scope's state, which ends with its algorithm. */
function limitNameIn(state: string, { algorithm }: Limit): string {
  return state.endsWith(`.${algorithm}`) ? state.slice(0, -algorithm.length - 1) : state
}

function shortVariant(limit: Limit, isPacked: boolean): string {
  const { algorithm, window } = limit
  if (isPacked) return `${SHORT[algorithm]}${algorithmOf(limit).variantOf(limit)}`
  if (algorithm === 'concurrency') return SHORT[algorithm]
  return `${SHORT[algorithm]}${Number(window) % 1_000 === 0 ? `${Number(window) / 1_000}s` : `${window}ms`}`
}

/** A name as it is; the hash of any other text, which could join with what follows it in the key to the same text as another name. */
function named(text: string): string {
  return NAME.test(text) ? text : hashed(text)
}

/** The subject, or its hash. A subject that looks like a hash gets another mark, so that no two subjects share a key. */
function bounded(subject: string): string {
  if (subject.length > MAX_SUBJECT || MARK.test(subject)) return hashed(subject)
  // UTF-8 has no lone surrogates: all of them would become the same three bytes.
  if (NOT_ASCII.test(subject) && (/\p{Surrogate}/u.test(subject) || Buffer.byteLength(subject) > MAX_SUBJECT)) return hashed(subject)
  return subject.startsWith(HASH_MARK) ? `${HASH_MARK}${subject}` : subject
}

function hashed(subject: string): string {
  return `${HASH_MARK}${createHash('sha256').update(subject, 'utf16le').digest('base64url')}`
}

/** One hash tag for each of `count` equal ranges of slots: the smallest number whose slot lies in the range. The same in every process. */
function spreadTags(count: number): readonly string[] {
  const tags: string[] = Array.from({ length: count }, () => '')
  let missing = count
  for (let n = 0; missing > 0; n++) {
    const range = Math.floor((slotOf(String(n)) * count) / SLOTS)
    if (tags[range] !== '') continue
    tags[range] = String(n)
    missing -= 1
  }
  return tags
}

const HASHED = /^#[\w-]{43}$/

/** The subject that stands at the end of a key so; `undefined` for a hash. */
export function subjectOf(text: string): string | undefined {
  if (!text.startsWith(HASH_MARK)) return text
  return HASHED.test(text) ? undefined : text.slice(HASH_MARK.length)
}
