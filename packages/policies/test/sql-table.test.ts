import { type SqlServer, startMariadb, startPostgres } from '@sluice/testing/sql'
import { waitUntil } from '@sluice/testing/processes'
import callbacks from 'mysql2'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { clientDirectory, type ClientTable, type ClientDirectory, settingsReader, sqlTable } from '../src/index.ts'

const never = new AbortController().signal
const COLUMNS = { rps_limit: 'api.second', rpm_limit: 'api.minute' }
const HOSTILE = ["'; DROP TABLE clients; --", "\\' OR 1=1 -- ", '") OR ("1"="1', '{acme}', '%', '\u{1F600}', 'ACME', 'acme ']

function directoryOf(table: ClientTable, deadline = 10_000): ClientDirectory {
  const directory = clientDirectory({ table, deadline, on: { warning: () => undefined } })
  onTestFinished(() => directory.close())
  return directory
}

/** The rules that hold on every database. */
function commonRules(tableOf: () => ClientTable, execute: (sql: string) => Promise<unknown>): void {
  test('tier, columns and limits of a client', async () => {
    const directory = directoryOf(tableOf())
    const read = settingsReader(COLUMNS)
    const [acme, beta, none] = await Promise.all(['acme', 'beta', 'none'].map((id) => directory.rowOf(id)))
    expect(acme && read(acme)).toEqual({
      tier: 'enterprise',
      limits: { 'api.second': { limit: 50 }, 'login.account': { limit: 20 } },
      problems: [],
    })
    expect(beta && read(beta)).toEqual({
      tier: undefined,
      limits: { 'api.second': { limit: 9_007_199_254 }, 'api.minute': { limit: 0 } },
      problems: [],
    })
    expect(none).toBeUndefined()
    expect(directory.health().lookups).toBe(1)
  })

  test.each([1, 2, 3, 1_000])('%i clients at once', async (count) => {
    const ids = Array.from({ length: count }, (_, i) => `many-${i}`)
    const rows = await tableOf().load(ids, never)
    expect(rows.map(({ client_id }) => String(client_id)).toSorted()).toEqual(ids.toSorted())
  })

  test('an id is never part of the query', async () => {
    const directory = directoryOf(tableOf())
    const rows = await Promise.all(HOSTILE.map((id) => directory.rowOf(id)))
    expect(rows.map((row) => row?.client_id)).toEqual(HOSTILE.map((id) => (id.startsWith('\u{1F600}') ? id : undefined)))
    expect(await directory.rowOf('acme')).toBeDefined()
    expect(directory.health().errors).toBe(0)
  })

  test('a change is seen after the row was forgotten', async () => {
    const directory = directoryOf(tableOf())
    expect(await directory.rowOf('gamma')).toBeUndefined()
    await execute("INSERT INTO clients (client_id, tier) VALUES ('gamma', 'pro')")
    directory.forget('gamma')
    expect(await directory.rowOf('gamma')).toMatchObject({ tier: 'pro' })
    await execute("DELETE FROM clients WHERE client_id = 'gamma'")
  })
}

const ROWS = `INSERT INTO clients (client_id, tier, rps_limit, rpm_limit, limits) VALUES
  ('acme', 'enterprise', 50, NULL, '{"login.account": 20}'), ('beta', NULL, 9007199254, 0, NULL), ('\u{1F600}', 'pro', NULL, NULL, NULL),
  ${Array.from({ length: 1_000 }, (_, i) => `('many-${i}', 'free', NULL, NULL, NULL)`).join(', ')}`

describe('PostgreSQL', () => {
  const QUERY = 'SELECT client_id, tier, rps_limit, rpm_limit, limits FROM clients WHERE client_id = ANY($1)'
  let server: SqlServer
  let pool: pg.Pool

  beforeAll(async () => {
    server = await startPostgres()
    pool = poolOf()
    await waitUntil('PostgreSQL to answer', async () => (await pool.query('SELECT 1')).rowCount === 1)
    await pool.query(
      'CREATE TABLE clients (client_id text PRIMARY KEY, tier text, rps_limit bigint, rpm_limit numeric(12, 2), limits jsonb)',
    )
    await pool.query(ROWS)
    await pool.query('CREATE TABLE numbered (client_id integer PRIMARY KEY, tier text)')
    await pool.query("INSERT INTO numbered VALUES (17, 'pro'), (18, 'free')")
  })
  afterAll(async () => {
    await pool?.end()
    await server?.stop()
  })

  function poolOf(options: pg.PoolConfig = {}): pg.Pool {
    const { host, port, user, database } = server
    const made = new pg.Pool({ host, port, user, database, max: 2, ...options })
    // A connection that was idle when the server ended.
    made.on('error', () => undefined)
    return made
  }

  commonRules(
    () => sqlTable({ pool, query: QUERY }),
    (sql) => pool.query(sql),
  )

  test('a client of pg serves as well as a pool', async () => {
    const { host, port, user, database } = server
    const client = new pg.Client({ host, port, user, database })
    await client.connect()
    onTestFinished(() => client.end())
    expect(await sqlTable({ pool: client, query: QUERY }).load(['acme'], never)).toHaveLength(1)
  })

  test('letters as id of a column of numbers take its row from nobody else', async () => {
    const directory = directoryOf(sqlTable({ pool, query: 'SELECT client_id, tier FROM numbered WHERE client_id = ANY($1)' }))
    expect(await directory.rowOf('17')).toMatchObject({ tier: 'pro' })
    const rows = await Promise.all(['x', '18', "1'; DROP TABLE numbered", '17'].map((id) => directory.rowOf(id)))
    expect(rows.map((row) => row?.tier)).toEqual([undefined, 'free', undefined, 'pro'])
    expect(directory.health().problem).toBeUndefined()
  })

  test('a query without client_id says so', async () => {
    const directory = directoryOf(sqlTable({ pool, name: 'clients', query: 'SELECT tier FROM clients WHERE client_id = ANY($1)' }))
    expect(await directory.rowOf('acme')).toBeUndefined()
    expect(directory.health().problem).toContain('sqlTable: query: expected a query that selects client_id, got the string "tier"')
  })

  test('a server that ends and starts again: rows stay, and new clients come back', async () => {
    const own = poolOf({ connectionTimeoutMillis: 1_000 })
    onTestFinished(() => own.end())
    const directory = directoryOf(sqlTable({ pool: own, query: QUERY }))
    await directory.rowOf('acme')
    await server.kill()
    expect(directory.rowOf('acme')).toMatchObject({ tier: 'enterprise' })
    expect(await directory.rowOf('beta')).toBeUndefined()
    expect(directory.health()).toMatchObject({ late: 1 })
    expect(directory.health().errors).toBeGreaterThan(0)
    await server.restart()
    await waitUntil('the row of beta', async () => (await directory.rowOf('beta')) !== undefined)
    expect(directory.health().problem).toBeUndefined()
  })

  test('a server that hangs: no request waits past the deadline', async () => {
    const hanging = poolOf({ query_timeout: 500 })
    onTestFinished(() => hanging.end())
    await hanging.query('SELECT 1')
    const directory = directoryOf(
      sqlTable({ pool: hanging, query: 'SELECT client_id, pg_sleep(60) FROM clients WHERE client_id = ANY($1)' }),
      50,
    )
    const start = performance.now()
    expect(await directory.rowOf('acme')).toBeUndefined()
    expect(performance.now() - start).toBeLessThan(400)
    await waitUntil('the query to fail', () => directory.health().errors === 1)
    expect(directory.health().late).toBe(1)
  })
})

describe('MariaDB', () => {
  const QUERY = 'SELECT client_id, tier, rps_limit, rpm_limit, limits FROM clients WHERE client_id IN (?)'
  let server: SqlServer
  let pool: mysql.Pool

  beforeAll(async () => {
    server = await startMariadb()
    const { host, port, user, database } = server
    pool = mysql.createPool({ host, port, user, database, connectionLimit: 2 })
    await waitUntil('MariaDB to answer', async () => (await pool.query('SELECT 1')).length > 0)
    const columns = 'client_id varchar(255) PRIMARY KEY, tier text, rps_limit bigint, rpm_limit decimal(12, 2), limits json'
    await pool.query(`CREATE TABLE clients (${columns}) CHARACTER SET utf8mb4`)
    await pool.query(ROWS)
  })
  afterAll(async () => {
    await pool?.end()
    await server?.stop()
  })

  commonRules(
    () => sqlTable({ pool, query: QUERY }),
    (sql) => pool.query(sql),
  )

  test('a pool with callbacks serves as well as one with promises', async () => {
    const { host, port, user, database } = server
    const other = callbacks.createPool({ host, port, user, database })
    onTestFinished(() => other.end(() => undefined))
    expect(await sqlTable({ pool: other, query: QUERY }).load(['acme'], never)).toHaveLength(1)
  })

  test('where backslashes are no escapes, an id is never part of the query', async () => {
    const { host, port, user, database } = server
    const connection = await mysql.createConnection({ host, port, user, database })
    onTestFinished(() => connection.end())
    await connection.query("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'")
    expect(await sqlTable({ pool: connection, query: QUERY }).load(HOSTILE.slice(0, 2), never)).toEqual([])
  })

  test('few statements are prepared, however many numbers of ids there are', async () => {
    const { host, port, user, database } = server
    const connection = await mysql.createConnection({ host, port, user, database })
    onTestFinished(() => connection.end())
    const table = sqlTable({ pool: connection, query: QUERY })
    for (let count = 1; count <= 100; count++) {
      const ids = Array.from({ length: count }, (_, i) => `many-${i}`)
      expect(await table.load(ids, never)).toHaveLength(count)
    }
    const [rows] = await connection.query<mysql.RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Com_stmt_prepare'")
    expect(Number(rows[0]?.['Value'])).toBe(8)
  })
})

describe('options', () => {
  const pool = { query: () => Promise.resolve({ rows: [] }) }
  const execute = { execute: () => Promise.resolve([[]] as const) }
  test.each([
    [{ query: 'x' }, 'sqlTable: pool: expected a pool of pg or mysql2, got undefined'],
    [{ pool }, 'sqlTable: query: expected a query with one parameter, as in WHERE client_id = ANY($1), got undefined'],
    [{ pool, query: 'SELECT 1' }, 'sqlTable: query: expected a query with one parameter'],
    [{ pool, query: 'SELECT $1, $2' }, 'sqlTable: query: expected a query with one parameter'],
    [{ pool, query: 'SELECT $12' }, 'sqlTable: query: expected a query with one parameter'],
    [{ pool: execute, query: 'SELECT $1' }, 'sqlTable: query: expected a query with one ?, as in WHERE client_id IN (?)'],
    [{ pool: execute, query: 'SELECT ?, ?' }, 'sqlTable: query: expected a query with one ?'],
    [{ pool, query: 'SELECT $1', table: 'clients' }, 'sqlTable: "table" is not an option'],
  ])('%j is refused', (options, message) => {
    expect(() => sqlTable(options as never)).toThrow(message)
  })
})
