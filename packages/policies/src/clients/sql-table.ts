import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import type { ClientRow, ClientTable } from './client-table.ts'

/** The part of a pool, or of a client, of `pg` that is used. */
export interface PgPool {
  query(text: string, values: unknown[]): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>
}

/** The part of a pool, or of a connection, of `mysql2/promise` that is used. */
export interface Mysql2Pool {
  execute(sql: string, values: string[]): Promise<readonly [rows: unknown, ...rest: unknown[]]>
}

/** The options of `sqlTable`. */
export interface SqlTableOptions {
  /** Your pool of `pg` or of `mysql2`. It is neither closed nor changed. Bound its queries: `query_timeout` of `pg`. */
  readonly pool: PgPool | Mysql2Pool | { promise(): Mysql2Pool }
  /**
   * Selects `client_id` and the other columns of the clients with the ids of one parameter: `WHERE client_id = ANY($1)` with `pg`,
   * `WHERE client_id IN (?)` with `mysql2`.
   */
  readonly query: string
  /** Names the table in messages. Default: `sqlTable`. */
  readonly name?: string | undefined
}

/**
 * A table of clients in a database of SQL. Ids are parameters of the query, and never part of its text.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { clientDirectory, sqlTable, type PgPool } from '@sluice/policies'
 *
 * export function clientsOf(pool: PgPool) {
 *   const query = 'SELECT client_id, tier, rps_limit, limits FROM clients WHERE client_id = ANY($1)'
 *   return clientDirectory({ table: sqlTable({ pool, query }) })
 * }
 * ```
 */
export function sqlTable(options: SqlTableOptions): ClientTable {
  knownOptions('sqlTable', options, ['pool', 'query', 'name'])
  const { pool, query, name = 'sqlTable' } = options
  const ask = askerOf(pool, query)
  return {
    name,
    async load(ids, signal): Promise<readonly ClientRow[]> {
      signal.throwIfAborted()
      const rows = await ask(ids)
      const [first] = rows
      if (first !== undefined && !Object.hasOwn(first, 'client_id'))
        throw invalid('sqlTable: query', 'a query that selects client_id', Object.keys(first).join(', '))
      return rows as readonly ClientRow[]
    },
  }
}

type Ask = (ids: readonly string[]) => Promise<readonly object[]>

function askerOf(pool: SqlTableOptions['pool'], query: unknown): Ask {
  const parts = typeof query === 'string' ? query.split('?') : []
  const hasPool = typeof pool === 'object' && pool !== null
  // A pool with callbacks has `execute` too.
  const promised = hasPool && 'promise' in pool ? pool.promise() : pool
  const mysql = hasPool && 'execute' in promised ? promised : undefined
  if (mysql !== undefined) {
    const [before, after] = parts
    if (before === undefined || after === undefined || parts.length > 2)
      throw invalid('sqlTable: query', 'a query with one ?, as in WHERE client_id IN (?)', query)
    return async (ids) => {
      // Prepared, since the escaping of texts depends on settings of the server. A power of two, since each number of ids is a statement
      // of its own, which the server keeps.
      const size = 2 ** Math.ceil(Math.log2(ids.length))
      const values = [...ids, ...Array.from({ length: size - ids.length }, () => ids[0] ?? '')]
      const [rows] = await mysql.execute(`${before}${values.map(() => '?').join(', ')}${after}`, values)
      return rows as readonly object[]
    }
  }
  if (!hasPool || !('query' in promised)) throw invalid('sqlTable: pool', 'a pool of pg or mysql2', pool)
  if (typeof query !== 'string' || !/\$1(?!\d)/.test(query) || /\$(?:[2-9]|1\d)/.test(query))
    throw invalid('sqlTable: query', 'a query with one parameter, as in WHERE client_id = ANY($1)', query)
  return async (ids) => (await promised.query(query, [ids])).rows
}
