import type { ClientRow, ClientTable } from '../src/index.ts'

/** One query that waits for the test. */
export interface Query {
  readonly ids: readonly string[]
  readonly signal: AbortSignal
  /** Answers with the rows of the table, as they are now. */
  answer(): Promise<void>
  fail(message?: string): Promise<void>
}

/** A table that a test drives. It is no stand-in for a server: the contract of tables is what is tested here. */
export class DrivenTable implements ClientTable {
  readonly name = 'driven'
  readonly rows = new Map<string, ClientRow>()
  /** Whether queries are answered at once. */
  isAutomatic = true
  /** With this id, every query fails. */
  poison: readonly string[] = []
  isDown = false
  readonly queries: Query[] = []

  constructor(rows: Readonly<Record<string, Omit<ClientRow, 'client_id'>>> = {}) {
    for (const [id, row] of Object.entries(rows)) this.put(id, row)
  }

  put(id: string, row: Omit<ClientRow, 'client_id'>): void {
    this.rows.set(id, { ...row, client_id: id })
  }

  /** The ids of each query. */
  get asked(): readonly (readonly string[])[] {
    return this.queries.map(({ ids }) => ids)
  }

  load(ids: readonly string[], signal: AbortSignal): Promise<readonly ClientRow[]> {
    let resolve: (rows: readonly ClientRow[]) => void = () => undefined
    let reject: (error: Error) => void = () => undefined
    const promise = new Promise<readonly ClientRow[]>((...settle) => ([resolve, reject] = settle))
    const query: Query = {
      ids,
      signal,
      answer: () => {
        if (this.isDown) return query.fail()
        if (ids.some((id) => this.poison.includes(id))) return query.fail('no such id')
        resolve(ids.flatMap((id) => this.rows.get(id) ?? []))
        return turn()
      },
      fail: (message = 'it is down') => {
        reject(new Error(message))
        return turn()
      },
    }
    this.queries.push(query)
    if (this.isAutomatic) void query.answer()
    return promise
  }
}

/** Two turns of the event loop: what was asked is sent, and what was answered is used. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve))
}
