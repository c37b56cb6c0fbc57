/** What became of a write. */
export type AuditOutcome = 'done' | 'refused' | 'failed'

/** One write of the admin API, as the audit log has it. */
export interface AuditEntry {
  /** Of two entries, the later one has the higher id. */
  readonly id: string
  /** ms since the epoch. */
  readonly at: number
  /** The name of the token or of the certificate; `undefined` for a request without valid credentials. */
  readonly who: string | undefined
  readonly by: 'token' | 'mtls' | undefined
  /** The address from which the request came. */
  readonly ip: string | undefined
  /** What was to be done, such as `policies.publish`. */
  readonly action: string
  /** `*` for what belongs to no namespace, such as a block. */
  readonly namespace: string
  /** What it was done to: a subject, a block, a revision. */
  readonly target: string | undefined
  /** `refused`: the caller may not, or the request cannot be done. `failed`: something was away. */
  readonly outcome: AuditOutcome
  /** The status of the answer. */
  readonly status: number
  /** Why, in the words of the caller. */
  readonly note: string | undefined
  /** What was there before and after, as far as it is small. */
  readonly before: unknown
  readonly after: unknown
}

/** Which entries are read. The newest come first. */
export interface AuditQuery {
  /** Only those before the one of this id. */
  readonly before?: string | undefined
  readonly namespace?: string | undefined
  /** 1 to 1,000. */
  readonly limit: number
}

/** Where entries are kept. */
export interface AuditStorage {
  append(entry: AuditEntry): Promise<void>
  read(query: AuditQuery): Promise<readonly AuditEntry[]>
}

/** The entries that the memory of this process keeps. */
const KEPT = 1_000

/** Keeps the last entries in memory, and in a storage that outlives the process if there is one. */
export class AuditLog {
  private readonly kept: AuditEntry[] = []
  private readonly storage: AuditStorage | undefined
  private readonly sink: ((entry: AuditEntry) => void) | undefined
  private readonly report: (error: unknown) => void
  private count = 0

  /** @param report gets the errors of the storage and of the sink: neither fails the write that it is about */
  constructor(storage: AuditStorage | undefined, sink: ((entry: AuditEntry) => void) | undefined, report: (error: unknown) => void) {
    this.storage = storage
    this.sink = sink
    this.report = report
  }

  /** Resolves when the storage has the entry, or has failed: a switch must work while Redis is away. */
  async append(entry: Omit<AuditEntry, 'id'>): Promise<void> {
    // By time, then by order: ids of several processes are comparable.
    const id = `${String(entry.at).padStart(15, '0')}-${String(this.count++ % 1_000_000).padStart(6, '0')}`
    const numbered = { id, ...entry }
    this.kept.push(numbered)
    if (this.kept.length > KEPT) this.kept.shift()
    try {
      this.sink?.(numbered)
      await this.storage?.append(numbered)
    } catch (error) {
      this.report(error)
    }
  }

  async read(query: AuditQuery): Promise<{ readonly rows: readonly AuditEntry[]; readonly from: 'storage' | 'memory' }> {
    if (this.storage !== undefined) {
      try {
        return { rows: await this.storage.read(query), from: 'storage' }
      } catch (error) {
        this.report(error)
      }
    }
    return { rows: select(this.kept.toReversed(), query), from: 'memory' }
  }
}

/** The entries of a query. @param newestFirst all that there are */
export function select(newestFirst: readonly AuditEntry[], { before, namespace, limit }: AuditQuery): readonly AuditEntry[] {
  return newestFirst
    .filter((entry) => (before === undefined || entry.id < before) && (namespace === undefined || entry.namespace === namespace))
    .slice(0, limit)
}
