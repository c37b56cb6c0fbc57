/// <reference types="node" />
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { makeFolder, removeFolder } from '../processes/supervised-process.ts'
import { SupervisedServer } from '../processes/supervised-server.ts'
import { waitUntil } from '../processes/wait-until.ts'
import { accepts, freePort, HOST } from '../redis/ports.ts'
import { sqlServerFolder } from './binary.ts'

const run = promisify(execFile)

/** A database server in a temporary folder. Both are removed when this process ends, even by SIGKILL. */
export interface SqlServer {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** SIGKILL. */
  kill(): Promise<void>
  /** Starts the server again with its data. */
  restart(): Promise<void>
  /** SIGSTOP of the process that takes connections. */
  pause(): Promise<void>
  resume(): Promise<void>
  stop(): Promise<void>
  logs(): string
}

/** How a server is set up in a folder and started. `asUser` runs a command as a user who may start it. */
interface Kind {
  readonly name: string
  readonly user: string
  readonly database: string
  setUp(folder: string): Promise<unknown>
  command(folder: string, port: number): readonly string[]
}

/** Database servers refuse to run as root. `setpriv` becomes the command, so that a signal reaches it. */
function asOther(user: string): readonly string[] {
  return process.getuid?.() === 0 ? ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'] : []
}

async function execute(words: readonly string[]): Promise<void> {
  const [command, ...args] = words
  if (command !== undefined) await run(command, args, { cwd: '/', maxBuffer: 2 ** 24 })
}

const DATA = 'data'

/** PostgreSQL without a password, whose writes may be lost with the machine. */
export function startPostgres(): Promise<SqlServer> {
  const folder = sqlServerFolder('postgres')
  const before = asOther('postgres')
  return start({
    name: 'postgres',
    user: 'test',
    database: 'postgres',
    async setUp(path) {
      if (before.length > 0) await execute(['chown', 'postgres', path])
      const options = ['--username=test', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-sync', `--pgdata=${join(path, DATA)}`]
      await execute([...before, join(folder, 'initdb'), ...options])
    },
    command: (path, port) => {
      const settings = ['-c', 'fsync=off', '-c', `listen_addresses=${HOST}`]
      return [...before, join(folder, 'postgres'), '-D', join(path, DATA), '-p', `${port}`, '-k', path, ...settings]
    },
  })
}

/** MariaDB without users, whose writes may be lost with the machine. */
export function startMariadb(): Promise<SqlServer> {
  const folder = sqlServerFolder('mariadb')
  const isRoot = process.getuid?.() === 0
  return start({
    name: 'mariadbd',
    user: 'test',
    database: 'test',
    // Without its system tables, since nobody logs in: only the database that the tests use is there.
    setUp: (path) => execute(['mkdir', '-p', join(path, DATA, 'test')]),
    command: (path, port) => [
      join(folder, 'mariadbd'),
      '--no-defaults',
      ...(isRoot ? ['--user=root'] : []),
      `--datadir=${join(path, DATA)}`,
      `--bind-address=${HOST}`,
      `--port=${port}`,
      `--socket=${join(path, 'socket')}`,
      '--skip-grant-tables',
      '--skip-networking=0',
      '--innodb-flush-log-at-trx-commit=0',
      '--character-set-server=utf8mb4',
    ],
  })
}

async function start(kind: Kind): Promise<SqlServer> {
  const folder = await makeFolder()
  try {
    await kind.setUp(folder)
    const server = new Server(kind, folder, await freePort())
    await server.start()
    return server
  } catch (error) {
    await removeFolder(folder)
    throw error
  }
}

class Server extends SupervisedServer implements SqlServer {
  readonly host: string = HOST
  readonly port: number
  private readonly kind: Kind

  constructor(kind: Kind, folder: string, port: number) {
    super(folder, 'server.log')
    this.kind = kind
    this.port = port
  }

  get user(): string {
    return this.kind.user
  }

  get database(): string {
    return this.kind.database
  }

  async start(): Promise<void> {
    const command = this.kind.command(this.folder, this.port)
    await this.run(`${this.kind.name} on port ${this.port}`, command, () => accepts(this.port))
  }

  /** A process of PostgreSQL that serves a connection answers until it notices that the server was killed. */
  override async kill(): Promise<void> {
    const others = childrenOf(this.pid)
    await super.kill()
    await waitUntil(`the other processes of ${this.kind.name} to end`, () => others.every(hasEnded))
  }

  async restart(): Promise<void> {
    if (this.alive) await this.kill()
    // Where its other processes are not known, they end a moment later, and hold its memory until then.
    await waitUntil(`${this.kind.name} to start again`, () => this.start().then(() => true))
  }
}

/** The processes that this one has started. Known on Linux only. */
function childrenOf(pid: number | undefined): readonly string[] {
  const text = textOf(`/proc/${pid}/task/${pid}/children`).trim()
  return text === '' ? [] : text.split(' ')
}

/** One that has ended, and that nobody has waited for, has no command line. */
function hasEnded(pid: string): boolean {
  return textOf(`/proc/${pid}/cmdline`) === ''
}

/** '' for a file that is not there, or no longer. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
