import type { Charge } from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import { runtime, type Sql } from './runtime.ts'

/** Longer subjects are hashed: what clients send must not decide how much is stored. */
const LONGEST = 128
/** Rows that one statement of the sweep looks at. */
const STEP = 1_000

/**
 * The states of one object: a row each. No index on `expires`: it would be a second row written, and billed, for every charge;
 * the sweep reads the rows in order instead, which costs a thousandth.
 */
export class States {
  private readonly sql: Sql

  constructor(sql: Sql) {
    this.sql = sql
    sql.exec('CREATE TABLE IF NOT EXISTS states (key TEXT PRIMARY KEY, state TEXT NOT NULL, expires REAL NOT NULL) WITHOUT ROWID')
  }

  read(key: string): unknown {
    const [row] = this.sql.exec('SELECT state FROM states WHERE key = ?', key).toArray()
    return row === undefined ? undefined : JSON.parse(row['state'] as string)
  }

  /** `expires` in ms, by the object's own clock. */
  write(key: string, state: unknown, expires: number): void {
    this.sql.exec('INSERT OR REPLACE INTO states (key, state, expires) VALUES (?, ?, ?)', key, JSON.stringify(state), expires)
  }

  remove(key: string): void {
    this.sql.exec('DELETE FROM states WHERE key = ?', key)
  }

  /** Deletes what expired before `limit` (ms) among the next rows behind a key. */
  sweep(after: string, limit: number): Swept {
    const [row] = this.sql
      .exec(
        `SELECT COUNT(*) AS rows, MAX(key) AS last, MIN(CASE WHEN expires >= ?1 THEN expires END) AS earliest
         FROM (SELECT key, expires FROM states WHERE key > ?2 ORDER BY key LIMIT ${STEP})`,
        limit,
        after,
      )
      .toArray() as [{ rows: number; last: string | null; earliest: number | null }]
    if (row.last !== null) this.sql.exec('DELETE FROM states WHERE key > ? AND key <= ? AND expires < ?', after, row.last, limit)
    return { last: row.rows < STEP ? undefined : (row.last ?? undefined), earliest: row.earliest ?? Infinity }
  }
}

export interface Swept {
  /** The last key looked at; `undefined` at the end of the table. */
  readonly last: string | undefined
  /** ms: when the first of those that stay expires; `Infinity` if none stays. */
  readonly earliest: number
}

/** Where a charge's state is: no two subjects share a key, since JSON's text of a string, a lone surrogate in it included, is its own. */
export function keyOf({ limit, scope, subject }: Pick<Charge, 'limit' | 'scope' | 'subject'>): string | Promise<string> {
  const variant = algorithmOf(limit).variantOf(limit)
  if (subject.length <= LONGEST) return JSON.stringify([scope, variant, subject])
  return sha256(JSON.stringify(subject)).then((hash) => JSON.stringify([scope, variant, null, hash]))
}

async function sha256(text: string): Promise<string> {
  const hash = await runtime.crypto.subtle.digest('SHA-256', new runtime.TextEncoder().encode(text))
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
