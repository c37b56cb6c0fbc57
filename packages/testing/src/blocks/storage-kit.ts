import type { BlockRecord, BlockStorage, EscalationRule, StrikeReport } from '@sluice/core/store-kit'
import { type FakeClock, fakeClock } from '../fake-clock.ts'

/** Opens a storage that is empty, for one test. Called again with the same clock, it opens another one of the same entries. */
export type OpenBlockStorage = (clock: FakeClock) => Promise<{ readonly storage: BlockStorage; again(): BlockStorage }>

export const DAY = 86_400_000

/** A rule with small numbers: 10 strikes on 2 endpoints, half of the requests refused. */
export const blockRule = (changes: Partial<EscalationRule> = {}): EscalationRule => ({
  name: 'strikes',
  effect: 'refuse',
  window: 60_000,
  strikes: 10,
  endpoints: 2,
  refusedShare: 0.5,
  first: 60_000,
  longest: DAY,
  quiet: DAY,
  maxPerMinute: 1_000,
  maxShare: 1,
  active: 10_000,
  maxEntries: 1_000,
  ...changes,
})

/** Enough to be blocked, unless changed. */
export const strikeReport = (name: string, changes: Partial<StrikeReport> = {}): StrikeReport => ({
  kind: 'subject',
  name,
  strikes: 10,
  refused: 10,
  requests: 10,
  limits: ['api/minute'],
  endpoints: bitmap(1, 200),
  ...changes,
})

/** A set of endpoints, by the numbers of their bits. */
export function bitmap(...bits: readonly number[]): string {
  const words = new Uint32Array(8)
  for (const bit of bits) words[bit >>> 5]! |= 1 << (bit & 31)
  return Array.from(words, (word) => word.toString(16).padStart(8, '0')).join('')
}

export const byHand = { kind: 'subject', effect: 'refuse', reason: '', maxEntries: 1_000 } as const

/** A storage on a manual clock, and how to look a record up. */
export async function openedStorage(open: OpenBlockStorage) {
  const clock = fakeClock()
  const { storage, again } = await open(clock)
  const recordOf = async (target: string): Promise<BlockRecord | undefined> =>
    (await storage.load()).records.find((record) => record.name === target)
  return { clock, storage, again, recordOf }
}
