import type { BeatRecord, CountRecord, EntryRecord, NeedRecord, OfferRecord, RegionRecord, ShareTable } from './record.ts'

/** The version of messages that this package writes and reads. */
export const MESSAGE_VERSION = 1
/** The most records of a message, and the most bytes of its records. */
const MAX_RECORDS = 500
const MAX_BYTES = 64_000

export interface RegionMessage {
  readonly from: string
  /** ms since the epoch, by the clock of the sender. */
  readonly at: number
  readonly records: readonly RegionRecord[]
}

/**
 * Writes records as messages, each of at most 500 records and 64 kB. A record that is larger than that has a message of its own.
 * @param version the version of the messages: the lowest that a process of any region reads
 */
export function encodeMessages({ from, at, records }: RegionMessage, version: number = MESSAGE_VERSION): readonly Uint8Array[] {
  const encoder = new TextEncoder()
  const messages: Uint8Array[] = []
  let texts: string[] = []
  let bytes = 0
  const end = (): void => {
    if (texts.length === 0) return
    messages.push(encoder.encode(`{"v":${version},"from":${JSON.stringify(from)},"at":${at},"r":[${texts.join(',')}]}`))
    texts = []
    bytes = 0
  }
  for (const record of records) {
    const text = JSON.stringify(itemsOf(record))
    // Three bytes is the most that a UTF-16 unit takes.
    const size = /[^ -~]/.test(text) ? encoder.encode(text).length : text.length
    if (texts.length === MAX_RECORDS || bytes + size > MAX_BYTES) end()
    texts.push(text)
    bytes += size + 1
  }
  end()
  return messages
}

function itemsOf(record: RegionRecord): readonly unknown[] {
  switch (record.kind) {
    case 'count':
      return ['count', record.policy, record.subject, record.version, ...record.entries.map(entryItems)]
    case 'need':
      return [
        'need',
        record.policy,
        record.subject,
        record.text,
        record.version,
        record.window,
        record.want,
        record.got,
        record.N,
        record.P,
      ]
    case 'offer':
      return [
        'offer',
        record.policy,
        record.subject,
        record.text,
        record.version,
        record.to,
        record.window,
        record.total,
        record.free,
        record.N,
        record.P,
      ]
    case 'beat':
      return ['beat', record.versions, record.shares, record.heard]
    case 'resend':
      return ['resend']
  }
}

function entryItems({ text, reset, start, units, before, N, P, burst }: EntryRecord): readonly unknown[] {
  return [text, reset, start, units, before, N, P, burst]
}

/**
 * Reads a message. Records of an unknown kind and further items are left out, so that a later version can add them.
 * @returns `undefined` for a message of another version, or of another form
 */
export function decodeMessage(body: Uint8Array): RegionMessage | undefined {
  const message = parsed(body)
  if (message === undefined || message['v'] !== MESSAGE_VERSION) return undefined
  const { from, at, r } = message
  if (typeof from !== 'string' || !isNumber(at) || !Array.isArray(r)) return undefined
  return { from, at, records: r.flatMap((items) => recordOf(items) ?? []) }
}

function parsed(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function recordOf(items: unknown): RegionRecord | undefined {
  if (!Array.isArray(items)) return undefined
  switch (items[0]) {
    case 'count':
      return countOf(items)
    case 'need':
      return needOf(items)
    case 'offer':
      return offerOf(items)
    case 'beat':
      return beatOf(items)
    case 'resend':
      return { kind: 'resend' }
    default:
      return undefined
  }
}

function countOf([, policy, subject, version, ...items]: readonly unknown[]): CountRecord | undefined {
  if (!isText(policy) || !isText(subject) || !isNumber(version)) return undefined
  return { kind: 'count', policy, subject, version, entries: items.flatMap((item) => entryOf(item) ?? []) }
}

function entryOf(item: unknown): EntryRecord | undefined {
  if (!Array.isArray(item)) return undefined
  const [text, ...numbers] = item as readonly unknown[]
  const [reset, start, units, before, N, P, burst] = numbers
  if (!isText(text) || !isCount(reset) || !isCount(start) || !isNumber(units) || !isNumber(before)) return undefined
  if (!isCount(N) || !isCount(P) || P === 0 || !isCount(burst)) return undefined
  return { text, reset, start, units, before, N, P, burst }
}

function needOf(items: readonly unknown[]): NeedRecord | undefined {
  const [, policy, subject, text, version, window, want, got, N, P] = items
  if (!isText(policy) || !isText(subject) || !isText(text) || !isNumber(version) || !isCount(window) || !isCount(want)) return undefined
  if (!isCounts(got) || !isCount(N) || !isCount(P) || P === 0) return undefined
  return { kind: 'need', policy, subject, text, version, window, want, got, N, P }
}

function offerOf(items: readonly unknown[]): OfferRecord | undefined {
  const [, policy, subject, text, version, to, window, total, free, N, P] = items
  if (!isText(policy) || !isText(subject) || !isText(text) || !isNumber(version) || !isText(to)) return undefined
  if (!isCount(window) || !isCount(total) || !isCount(free) || !isCount(N) || !isCount(P) || P === 0) return undefined
  return { kind: 'offer', policy, subject, text, version, to, window, total, free, N, P }
}

function beatOf([, versions, shares, heard]: readonly unknown[]): BeatRecord | undefined {
  if (!Array.isArray(versions) || !isCount(versions[0]) || !isCount(versions[1]) || !Array.isArray(shares)) return undefined
  const tables = shares.flatMap((table) => tableOf(table) ?? [])
  return { kind: 'beat', versions: [versions[0], versions[1]], shares: tables, heard: isVersions(heard) ? heard : {} }
}

function tableOf(table: unknown): ShareTable | undefined {
  if (typeof table !== 'object' || table === null) return undefined
  const { version, from, of } = table as Record<string, unknown>
  return isCount(version) && isCount(from) && isShares(of) ? { version, from, of } : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function isCount(value: unknown): value is number {
  return isNumber(value) && value >= 0
}

function isCounts(value: unknown): value is Readonly<Record<string, number>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isCount)
}

function isVersions(value: unknown): value is Readonly<Record<string, readonly number[]>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every((versions) => Array.isArray(versions) && versions.every(isCount))
}

function isShares(value: unknown): value is Readonly<Record<string, number>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every((share) => typeof share === 'number' && share >= 0 && share <= 1)
}
