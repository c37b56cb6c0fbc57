// What the JSON gateway of etcd sends. Numbers of 64 bits come as texts, keys and values in base64, and what is 0, false or empty not at all.

export interface Header {
  readonly revision?: string
}

export interface KeyValue {
  readonly key?: string
  readonly value?: string
  readonly mod_revision?: string
}

export interface RangeAnswer {
  readonly header?: Header
  readonly kvs?: readonly KeyValue[]
}

export interface TxnAnswer {
  readonly succeeded?: boolean
}

export interface WatchEvent {
  /** Absent for a put. */
  readonly type?: 'DELETE'
  readonly kv?: KeyValue
}

/** One line of a watch. */
export interface WatchLine {
  readonly result?: {
    readonly header?: Header
    readonly created?: boolean
    readonly canceled?: boolean
    /** The revision below which nothing can be watched any more, of a watch that began too early. */
    readonly compact_revision?: string
    readonly cancel_reason?: string
    readonly events?: readonly WatchEvent[]
  }
  readonly error?: { readonly message?: string }
}

export function encoded(text: string): string {
  return Buffer.from(text).toString('base64')
}

export function decoded(text: string | undefined): string {
  return Buffer.from(text ?? '', 'base64').toString()
}

/** The key behind all keys with the prefix, in base64. */
export function endOf(prefix: string): string {
  const bytes = Buffer.from(prefix)
  for (let i = bytes.length - 1; i >= 0; i--) {
    const byte = bytes[i] ?? 0
    if (byte < 0xff) return Buffer.concat([bytes.subarray(0, i), Buffer.of(byte + 1)]).toString('base64')
  }
  // UTF-8 has no byte 0xff.
  return Buffer.of(0).toString('base64')
}

/** A revision of etcd, which may be above what a number holds exactly. */
export function revisionOf(text: string | undefined): bigint {
  return BigInt(text ?? 0)
}
