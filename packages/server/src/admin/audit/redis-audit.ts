import { type Journal, redisJournal, type RedisSource } from '@sluice/redis'
import { type AuditEntry, type AuditQuery, type AuditStorage, select } from './audit-log.ts'

/** The entries that Redis keeps, about. */
const KEPT = 10_000
/** The entries that are read at a time. */
const PAGE = 500
/** What stands in the place of values that are too large to be kept. */
const MAX_VALUE = 8_192

/** The audit log of all instances, in one stream of Redis. */
export class RedisAudit implements AuditStorage {
  private readonly journal: Journal

  /** @param key names the stream */
  constructor(redis: RedisSource, key: string) {
    this.journal = redisJournal(redis, { key, most: KEPT })
  }

  async append(entry: AuditEntry): Promise<void> {
    await this.journal.append(JSON.stringify({ ...entry, before: bounded(entry.before), after: bounded(entry.after) }))
  }

  async read(query: AuditQuery): Promise<readonly AuditEntry[]> {
    const found: AuditEntry[] = []
    let before: string | undefined
    for (let looked = 0; looked < KEPT && found.length < query.limit; looked += PAGE) {
      const page = await this.journal.read(PAGE, before)
      found.push(
        ...select(
          page.flatMap(({ text }) => entryOf(text)),
          query,
        ),
      )
      before = page.at(-1)?.id
      if (page.length < PAGE) break
    }
    return found.slice(0, query.limit)
  }

  close(): void {
    this.journal.close()
  }
}

function bounded(value: unknown): unknown {
  return value !== undefined && JSON.stringify(value).length > MAX_VALUE ? 'too large to be kept' : value
}

/** None for an entry of somebody else. */
function entryOf(text: string): readonly AuditEntry[] {
  try {
    const entry = JSON.parse(text) as AuditEntry
    return typeof entry?.id === 'string' && typeof entry.action === 'string' ? [entry] : []
  } catch {
    return []
  }
}
