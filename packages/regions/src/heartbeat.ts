import type { ShareTable } from './record.ts'
import { hearPromises, NO_SHARES, promiseShares, restorePromises, type ShareBook } from './shares.ts'

/** The part of the time between two beats after which a process sends the next one: processes call at times that differ a little. */
const DUE = 0.75

/** What a region keeps of itself and of the others, in one place of its store. All its processes read and write it. */
export interface RegionBook {
  readonly self: string
  /** Every region that a process of this region has named. New ones are at the end. */
  readonly all: readonly string[]
  /** ms: since when the region has listened without a pause. */
  readonly since: number
  /** ms: when a process called last. */
  readonly calledAt: number
  /** ms: when a process last began to send a beat; 0 for never. */
  readonly beatAt: number
  /** Whether the others were asked to send again what they have counted, since this data began. */
  readonly isAsked: boolean
  /** By the latest version of messages that a process reads, when such a process called last (ms). */
  readonly readers: ReadonlyMap<number, number>
  /** By name, the other regions that were heard. */
  readonly peers: ReadonlyMap<string, RegionPeer>
  readonly shares: ShareBook
}

/** What a region knows of another. */
export interface RegionPeer {
  /** ms, by the clock of this region. */
  readonly heardAt: number
  /** ms from the sending of its last message to its arrival. */
  readonly lag: number
  /** The latest version of messages that all its processes read; 0 if it has not said so. */
  readonly reads: number
}

/** What a process has heard of another region since it called last. */
export interface HeardRegion {
  readonly region: string
  /** ms since then. */
  readonly age: number
  /** ms */
  readonly lag: number
  /** As in `RegionPeer`. */
  readonly reads: number
  /** The share tables that it promises. */
  readonly shares: readonly ShareTable[]
  /** Those of them that it has heard this region promise. */
  readonly promised: readonly ShareTable[]
}

/** What a process says and asks when it calls. */
export interface Heartbeat {
  readonly self: string
  readonly all: readonly string[]
  /** The latest version of messages that this process reads. */
  readonly reads: number
  /** The share table of its options. */
  readonly shares: ShareTable | undefined
  readonly heard: readonly HeardRegion[]
  /** Whether this process has asked the others to send again. */
  readonly isAsked: boolean
  /** ms between two beats of the region. */
  readonly every: number
  /** ms without a message after which a region counts as silent. */
  readonly silence: number
  /** ms */
  readonly keep: number
}

export type HeartbeatResult =
  /** The data is that of another region, or of regions in another order. */
  | { readonly result: 'changed'; readonly self: string; readonly all: readonly string[] }
  | { readonly result: 'done'; readonly book: RegionBook; /** Whether this process sends a beat. */ readonly isDue: boolean }

/** One atomic step: writes what a process says, and reads what all have said. `now`: ms. */
export function heartbeat(stored: RegionBook | undefined, request: Heartbeat, now: number): HeartbeatResult {
  const known = stored ?? newBook(request, now)
  const { self, all } = known
  const merged = [...all, ...request.all.filter((name) => !all.includes(name))]
  if (self !== request.self || !areInOrder(request.all, merged)) return { result: 'changed', self, all }
  const isDue = now - known.beatAt >= DUE * request.every
  return {
    result: 'done',
    isDue,
    book: {
      self,
      all: merged,
      // A region that was away itself knows nothing of the silence of others.
      since: now - known.calledAt > request.silence ? now : known.since,
      calledAt: now,
      beatAt: isDue ? now : known.beatAt,
      isAsked: known.isAsked || request.isAsked,
      readers: readersAfter(known.readers, request, now),
      peers: peersAfter(known.peers, request.heard, now),
      shares: sharesAfter(known.shares, request, now),
    },
  }
}

function newBook({ self, all }: Heartbeat, now: number): RegionBook {
  const none = new Map<never, never>()
  return { self, all, since: now, calledAt: now, beatAt: 0, isAsked: false, readers: none, peers: none, shares: NO_SHARES }
}

/** Whether these regions are named in the order of all: rights are divided in it. Some may be missing. */
function areInOrder(names: readonly string[], all: readonly string[]): boolean {
  return names.join() === all.filter((name) => names.includes(name)).join()
}

function readersAfter(readers: RegionBook['readers'], { reads, keep }: Heartbeat, now: number): RegionBook['readers'] {
  return new Map([...readers, [reads, now] as const].filter(([, at]) => at > now - keep))
}

function peersAfter(peers: RegionBook['peers'], heard: readonly HeardRegion[], now: number): RegionBook['peers'] {
  const after = new Map(peers)
  for (const { region, age, lag, reads } of heard) {
    const known = after.get(region)
    const heardAt = Math.max(known?.heardAt ?? 0, now - age)
    // A message without a beat does not say what the region reads.
    after.set(region, { heardAt, lag, reads: reads === 0 ? (known?.reads ?? 0) : reads })
  }
  return after
}

function sharesAfter(book: ShareBook, { heard, shares, keep }: Heartbeat, now: number): ShareBook {
  let after = shares === undefined ? book : promiseShares(book, shares, now, keep)
  for (const { region, shares: tables, promised } of heard) {
    after = restorePromises(hearPromises(after, region, tables), promised)
  }
  return after
}

/** The version of messages that each process of each region reads. */
export function writtenVersion({ readers, peers }: RegionBook, own: number): number {
  const others = [...peers.values()].flatMap(({ reads }) => (reads === 0 ? [] : [reads]))
  return Math.min(own, ...readers.keys(), ...others)
}

/** The other regions from which nothing was heard for `silence` ms. */
export function silentRegions({ peers, since, calledAt }: RegionBook, others: readonly string[], silence: number): readonly string[] {
  return others.filter((region) => calledAt - Math.max(since, peers.get(region)?.heardAt ?? 0) > silence)
}
