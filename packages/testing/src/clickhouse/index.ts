/// <reference types="node" />
// Entry `@sluice/testing/clickhouse`: the engine of ClickHouse behind a part of its HTTP interface. It ends with the test process, even when
// it is killed.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolder } from '../processes/supervised-process.ts'
import { SupervisedServer } from '../processes/supervised-server.ts'
import { freePort, HOST } from '../redis/ports.ts'

/** A ClickHouse without users, which runs one statement at a time. Its database is named `default`. */
export interface ClickHouseServer {
  /** Of the HTTP interface. */
  readonly url: string
  /** Runs a statement. Returns its rows. @param params of `{name:Type}` in the statement */
  query(statement: string, params?: Readonly<Record<string, string>>): Promise<readonly Readonly<Record<string, unknown>>[]>
  insert(table: string, rows: readonly object[]): Promise<void>
  stop(): Promise<void>
}

const PYTHON = fileURLToPath(new URL('../../../../.tools/servers/chdb/bin/python', import.meta.url))
const FILES = fileURLToPath(new URL('../../../../deploy/clickhouse', import.meta.url))
const PROGRAM = fileURLToPath(new URL('server.py', import.meta.url))

/** Starts it in a temporary folder. @throws with what to type if chdb is not there */
export async function startClickHouse(): Promise<ClickHouseServer> {
  if (!existsSync(PYTHON)) throw new Error('The tests need chdb, and it is not there: node scripts/chdb.ts')
  const server = new Server(await makeFolder(), await freePort())
  await server.start()
  return server
}

/** The statements of a file of deploy/clickhouse, without comments. Each ends with a semicolon at the end of a line. */
export function statementsOf(file: string): readonly string[] {
  return readFileSync(join(FILES, file), 'utf8')
    .replaceAll(/--[^\n]*/g, '')
    .split(/;\n/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}

/** Makes the tables and views of deploy/clickhouse. Rows for a topic go into `usage_queue` and `decisions_queue`. */
export async function createTables(server: ClickHouseServer): Promise<void> {
  for (const statement of [...statementsOf('schema.sql'), ...statementsOf('http.sql')]) await server.query(statement)
  // The engine has no Kafka. A table that keeps nothing takes its place, with the column that the engine adds.
  for (const statement of statementsOf('kafka.sql'))
    await server.query(statement.replace(/\n\) ENGINE = Kafka\s.*/s, ', _error String) ENGINE = Null'))
}

class Server extends SupervisedServer implements ClickHouseServer {
  private readonly port: number

  constructor(folder: string, port: number) {
    super(folder, 'clickhouse.log')
    this.port = port
  }

  get url(): string {
    return `http://${HOST}:${this.port}`
  }

  async start(): Promise<void> {
    const command = [PYTHON, PROGRAM, String(this.port), join(this.folder, 'data')]
    await this.run(`ClickHouse on port ${this.port}`, command, async () => (await fetch(`${this.url}/ping`)).ok)
  }

  async query(statement: string, params: Readonly<Record<string, string>> = {}): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const search = new URLSearchParams()
    for (const [name, value] of Object.entries(params)) search.set(`param_${name}`, value)
    const response = await fetch(`${this.url}/?${search.toString()}`, { method: 'POST', body: statement })
    const text = await response.text()
    if (!response.ok) throw new Error(`${text}\n${statement.slice(0, 500)}`)
    const lines = text.split('\n').filter((line) => line !== '')
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  async insert(table: string, rows: readonly object[]): Promise<void> {
    await this.query(`INSERT INTO ${table} FORMAT JSONEachRow\n${rows.map((row) => JSON.stringify(row)).join('\n')}`)
  }
}
