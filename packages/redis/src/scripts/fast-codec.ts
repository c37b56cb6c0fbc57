import type { Charge, ConsumeOptions } from '@sluice/core'
import type { LeaseTerms } from '@sluice/core/store-kit'
import type { Operation, PendingDecision, Places } from '../executor.ts'
import type { Placement } from '../keys.ts'
import { isEntry } from '../state/codec.ts'
import { blockedUntilIn, readStates } from '../state/entries.ts'
import { layOut } from './key-layout.ts'
import { LimitList } from './limit-codec.ts'
import type { Message } from './script.ts'

// The request and the reply of lua/fast.lua, which decides charges that only take units. Nearly all decisions are such charges.

/** Decisions with more charges take the full path: they are rare, and the check for equal states below is quadratic. */
const MAX_FAST_CHARGES = 8

/** Whether the fast script can decide the charges: each takes units from its own state, without any other option. */
export function isFast(
  charges: readonly Charge[],
  { keys, placements }: Places,
  leases: readonly (LeaseTerms | undefined)[],
  how: Operation,
  options: ConsumeOptions,
): boolean {
  const { length } = charges
  if (how !== 'charge' || options.atLeast !== undefined || length > MAX_FAST_CHARGES) return false
  for (let i = 0; i < length; i++) {
    const { limit, cost, receipt } = charges[i] as Charge
    const { id, isPacked } = placements[i] as Placement
    // This process computes calendar windows, for a time that may not be the server's. Only the full script checks that.
    if (!isEntry(limit) || typeof limit.window !== 'number') return false
    if (!(cost > 0) || receipt !== undefined || leases[i] !== undefined) return false
    // A packed state needs other commands, and the ACL may deny one after another has run.
    if (isPacked && length > 1) return false
    for (let j = 0; j < i; j++) if (keys[j] === keys[i] && placements[j]?.id === id) return false
  }
  return true
}

/** Lists of limits whose states are in one value, each once. */
class SetList {
  readonly encoded: (readonly number[])[] = []
  private readonly sets: (readonly Placement[])[] = []

  /** The index, from 1, of the set of `placements` from `start` to before `end`. */
  indexOf(placements: readonly Placement[], start: number, end: number, limits: LimitList): number {
    // A batch has few sets.
    for (let i = 0; i < this.sets.length; i++) if (isSame(this.sets[i] as readonly Placement[], placements, start, end)) return i + 1
    const set = placements.slice(start, end)
    const indexes: number[] = []
    for (const placement of set) {
      const index = limits.indexOf(placement)
      indexes.push(index)
      if (placement.taken !== undefined) indexes.push(index + 1)
    }
    this.encoded.push(indexes)
    return this.sets.push(set)
  }
}

function isSame(set: readonly Placement[], placements: readonly Placement[], start: number, end: number): boolean {
  if (set.length !== end - start) return false
  for (let i = start; i < end; i++) if (set[i - start] !== placements[i]) return false
  return true
}

export function encodeFast(decisions: readonly PendingDecision[], isPacking: boolean): Message {
  const { keys: redisKeys, numbers, buckets } = layOut(decisions, isPacking, false)
  const limits = new LimitList(0, true)
  const sets = new SetList()
  const encoded: number[] = []
  for (const decision of decisions) {
    const { charges, keys, placements } = decision
    const groups = groupsOf(keys)
    if (groups !== undefined && groups.length > 1) {
      encodeGroups(groups, decision, numbers, limits, sets, encoded)
      continue
    }
    encoded.push(sets.indexOf(placements, 0, placements.length, limits), numbers.get(keys[0] as string) as number)
    for (let i = 0; i < charges.length; i++) pushCost(encoded, charges[i] as Charge, placements[i] as Placement)
  }
  return { keys: redisKeys, args: [JSON.stringify([limits.encoded, sets.encoded, encoded, ...buckets])] }
}

/** The second entry of an exchanged bucket counts the same units. */
function pushCost(encoded: number[], { cost }: Charge, { taken }: Placement): void {
  encoded.push(cost)
  if (taken !== undefined) encoded.push(cost)
}

function encodeGroups(
  groups: readonly (readonly number[])[],
  { charges, keys, placements }: PendingDecision,
  numbers: ReadonlyMap<string, number>,
  limits: LimitList,
  sets: SetList,
  encoded: number[],
): void {
  encoded.push(-groups.length)
  for (const group of groups) {
    const members = group.map((i) => placements[i] as Placement)
    encoded.push(sets.indexOf(members, 0, members.length, limits), numbers.get(keys[group[0] as number] as string) as number)
    for (const i of group) pushCost(encoded, charges[i] as Charge, placements[i] as Placement)
  }
}

/** The charges of each key, by index; `undefined` if all have the same key. */
function groupsOf(keys: readonly string[]): readonly (readonly number[])[] | undefined {
  if (isOneKey(keys)) return undefined
  const groups = new Map<string, number[]>()
  for (const [i, key] of keys.entries()) {
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [i])
    else group.push(i)
  }
  return [...groups.values()]
}

function isOneKey(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) if (keys[i] !== keys[0]) return false
  return true
}

/** The script's answer to one decision: its verdict and the states before it; why the script failed on it; or that a subject is blocked. */
export type FastAnswer =
  | { readonly isAllowed: boolean; readonly states: readonly unknown[] }
  | { readonly failure: string }
  | { readonly blockedUntil: readonly number[] }

const ALLOWED = '1'.charCodeAt(0)
const FAILED = '2'.charCodeAt(0)
const BYTES_OF_ENTRY = 28

/** Reads the reply of lua/fast.lua, one decision after the other. */
export class FastReader {
  private readonly bytes: Buffer
  private offset = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** The answer to the next decision, which is `decision`, made at `now` (µs). `undefined` at the end of the reply: later decisions did not run. */
  next({ keys, placements }: PendingDecision, now: number): FastAnswer | undefined {
    const { bytes } = this
    if (this.offset >= bytes.length) return undefined
    const verdict = bytes[this.offset++]
    if (verdict === FAILED) {
      const start = this.offset + 4
      this.offset = start + bytes.readUInt32BE(this.offset)
      return { failure: bytes.toString('utf8', start, this.offset) }
    }
    const groups = groupsOf(keys)
    const blockedUntil = verdict === ALLOWED ? undefined : this.readBlocks(keys.length, groups, now)
    if (blockedUntil !== undefined) return { blockedUntil }
    const states = groups === undefined ? this.read(placements) : []
    for (const group of groups ?? []) {
      const read = this.read(group.map((i) => placements[i] as Placement))
      for (const [j, i] of group.entries()) states[i] = read[j]
    }
    return { isAllowed: verdict === ALLOWED, states }
  }

  /** If a value of this answer begins with a block: until when each charge is blocked. Otherwise nothing is read. */
  private readBlocks(count: number, groups: readonly (readonly number[])[] | undefined, now: number): readonly number[] | undefined {
    const { bytes } = this
    let blockedUntil: number[] | undefined
    let offset = this.offset
    for (let at = 0; at < (groups?.length ?? 1); at++) {
      const length = (bytes[offset++] as number) * BYTES_OF_ENTRY
      const until = blockedUntilIn(bytes, offset, length)
      offset += length
      if (until <= now) continue
      // Most refusals are of no blocked subject, and need no list.
      blockedUntil ??= Array.from({ length: count }, () => (groups === undefined ? until : 0))
      for (const i of groups?.[at] ?? []) blockedUntil[i] = until
    }
    if (blockedUntil !== undefined) this.offset = offset
    return blockedUntil
  }

  /** The states in the next value of the reply. */
  private read(placements: readonly Placement[]): unknown[] {
    const length = (this.bytes[this.offset++] as number) * BYTES_OF_ENTRY
    this.offset += length
    return readStates(this.bytes, this.offset - length, length, placements)
  }
}
