import type { Charge } from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import { splitScope } from '@sluice/core/store-kit'
import { runtime, type Sql } from './runtime.ts'

/** In UTF-16 code units. Longer subjects are hashed, or clients would choose how much is stored. */
const MAX_SUBJECT = 128
/** How many rows one step of the sweep reads. */
const SWEEP_ROWS = 1_000

/**
 * The states of one object, one row each. There is no index on `expires`: every charge would write a second row, which Cloudflare
 * bills. The sweep reads all rows in order instead, which costs a thousandth.
 */
export class StateTable {
  private readonly sql: Sql

  constructor(sql: Sql) {
    this.sql = sql
    sql.exec('CREATE TABLE IF NOT EXISTS states (key TEXT PRIMARY KEY, state TEXT NOT NULL, expires REAL NOT NULL) WITHOUT ROWID')
  }

  read(key: string): unknown {
    const [row] = this.sql.exec('SELECT state FROM states WHERE key = ?', key).toArray()
    return row === undefined ? undefined : JSON.parse(row['state'] as string)
  }

  /** The keys with this prefix, and their states. */
  withPrefix(prefix: string): readonly (readonly [key: string, state: unknown])[] {
    const rows = this.sql.exec('SELECT key, state FROM states WHERE key >= ?1 AND key < ?2', prefix, `${prefix}\uffff`).toArray()
    return rows.map((row) => [row['key'] as string, JSON.parse(row['state'] as string)] as const)
  }

  /** @param expires ms since the epoch, by the object's clock */
  write(key: string, state: unknown, expires: number): void {
    this.sql.exec('INSERT OR REPLACE INTO states (key, state, expires) VALUES (?, ?, ?)', key, JSON.stringify(state), expires)
  }

  remove(key: string): void {
    this.sql.exec('DELETE FROM states WHERE key = ?', key)
  }

  /** One step: deletes the states that expired before `deadline` (ms since the epoch) among the next rows after the key `after`. */
  sweep(after: string, deadline: number): Swept {
    const [row] = this.sql
      .exec(
        `SELECT COUNT(*) AS rows, MAX(key) AS last, MIN(CASE WHEN expires >= ?1 THEN expires END) AS earliest
         FROM (SELECT key, expires FROM states WHERE key > ?2 ORDER BY key LIMIT ${SWEEP_ROWS})`,
        deadline,
        after,
      )
      .toArray() as [{ rows: number; last: string | null; earliest: number | null }]
    if (row.last !== null) this.sql.exec('DELETE FROM states WHERE key > ? AND key <= ? AND expires < ?', after, row.last, deadline)
    return { last: row.rows < SWEEP_ROWS ? undefined : (row.last ?? undefined), earliest: row.earliest ?? Infinity }
  }
}

export interface Swept {
  /** The last key read; `undefined` at the end of the table. */
  readonly last: string | undefined
  /** When the first of the states that remain expires, in ms since the epoch; `Infinity` if none remains. */
  readonly earliest: number
}

/** The key of a charge's row. Two subjects never share one: JSON writes every string differently, lone surrogates included. */
export function rowKeyOf({ limit, scope, subject }: Pick<Charge, 'limit' | 'scope' | 'subject'>): string | Promise<string> {
  const variant = algorithmOf(limit).variantOf(limit)
  if (subject.length <= MAX_SUBJECT) return JSON.stringify([scope, variant, subject])
  return sha256(JSON.stringify(subject)).then((hash) => JSON.stringify([scope, variant, null, hash]))
}

/** The key of no state begins so. */
export const BLOCK_PREFIX = 'block:'

/** The key of the block of a policy and a subject, from the key of any of its states: a long subject is hashed here too. */
export function blockKeyOf(stateKey: string): string {
  const [scope, , ...subject] = JSON.parse(stateKey) as [scope: string, variant: string, ...subject: unknown[]]
  return BLOCK_PREFIX + JSON.stringify([splitScope(scope).policy, ...subject])
}

/** The key of the lease ledger beside a state. The key of a state is a JSON array, so none ends like this. */
export function ledgerKeyOf(stateKey: string): string {
  return `${stateKey}!l`
}

async function sha256(text: string): Promise<string> {
  const hash = await runtime.crypto.subtle.digest('SHA-256', new runtime.TextEncoder().encode(text))
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
