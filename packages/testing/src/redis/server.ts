/// <reference types="node" />
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis, type RedisOptions } from 'ioredis'
import { type Certificates, makeCertificates } from './certificates.ts'
import { freePort, HOST } from './ports.ts'
import { redisServerBinary } from './server-binary.ts'
import { makeFolder, removeFolder, runSupervised, type Supervised } from '../processes/supervised-process.ts'
import { waitUntil } from '../processes/wait-until.ts'

/** As ioredis 6 types its constructor: replies in the form that its commands promise. */
export type ClientOptions = RedisOptions & { replyMapping?: 'legacy' }

export interface StartRedis {
  /** More of redis-server's command line; the last of two wins. With a function, of the port that was found. */
  readonly args?: readonly string[] | ((port: number) => readonly string[] | Promise<readonly string[]>)
  readonly password?: string
  readonly tls?: boolean
  /** What runs it, in place of the system alone: `['env', 'NAME=value']`, `['sh', '-c', '… exec "$@"', 'sh']`. */
  readonly wrap?: readonly string[]
  /** Run as a Sentinel, with this configuration. */
  readonly sentinel?: string
}

/** One redis-server, in a temporary folder; both are gone when this process is, whatever ends it. */
export interface RedisServer {
  readonly host: string
  readonly port: number
  /** Without the authority of a certificate: that is in `options`. */
  readonly url: string
  /** What ioredis needs to connect. */
  readonly options: ClientOptions
  /** False from `kill()` to `restart()`. */
  readonly alive: boolean
  /** A client of it, let go by `stop()`. Its `error` events are heard. */
  client(options?: ClientOptions): Redis
  /** One command on a connection of its own. */
  call(command: string, ...args: (string | number)[]): Promise<unknown>
  /** Ends it and starts it again on its port, in its folder, with what it held only if asked; also after `kill()`, without a snapshot. */
  restart(options?: { readonly keepData?: boolean }): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGSTOP: connections are accepted by the system, and nothing answers. */
  pause(): Promise<void>
  resume(): Promise<void>
  stop(): Promise<void>
  /** What it has said since it was first started. */
  logs(): string
}

const LOG = 'redis.log'
const SENTINEL = 'sentinel.conf'
const KEEPS_NOTHING = ['--save', '', '--appendonly', 'no']
/** A replica starts to copy at once instead of 5 s later. */
const IN_SYNC_SOON = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1']
/** What may hold data. */
const DATA = ['dump.rdb', 'appendonlydir', 'appendonly.aof']

/** Starts a server that keeps nothing on disk, and waits until it answers. */
export async function startRedis(options: StartRedis = {}): Promise<RedisServer> {
  const binary = await redisServerBinary()
  const folder = await makeFolder()
  try {
    const certificates = options.tls === true ? await makeCertificates(folder) : undefined
    if (options.sentinel !== undefined) writeFileSync(join(folder, SENTINEL), options.sentinel)
    for (let tries = 1; ; tries += 1) {
      const port = await freePort()
      const args = typeof options.args === 'function' ? await options.args(port) : (options.args ?? [])
      const [command, ...words] = options.wrap === undefined ? [binary] : [...options.wrap, binary]
      const server = new Server(
        command,
        folder,
        port,
        [...words, ...commandLine(options, port, certificates, args)],
        clientOptions(options, port, certificates),
      )
      try {
        await server.start()
        return server
      } catch (error) {
        // Another process can take the port between the look and the start.
        if (tries === 5 || !/address already in use/i.test(server.logs())) throw error
        rmSync(join(folder, LOG))
      }
    }
  } catch (error) {
    await removeFolder(folder)
    throw error
  }
}

function commandLine(
  options: StartRedis,
  port: number,
  certificates: Certificates | undefined,
  more: readonly string[],
): readonly string[] {
  const listen = ['--bind', HOST, ...(certificates ? ['--port', '0', '--tls-port', `${port}`] : ['--port', `${port}`])]
  if (options.sentinel !== undefined) return [SENTINEL, '--sentinel', ...listen, ...more]
  const { password } = options
  return [
    ...listen,
    ...KEEPS_NOTHING,
    ...IN_SYNC_SOON,
    ...(password === undefined ? [] : ['--requirepass', password, '--masterauth', password]),
    ...(certificates ? ['--tls-cert-file', certificates.certFile, '--tls-key-file', certificates.keyFile] : []),
    ...(certificates ? ['--tls-ca-cert-file', certificates.caFile, '--tls-auth-clients', 'no'] : []),
    ...more,
  ]
}

function clientOptions({ password }: StartRedis, port: number, certificates: Certificates | undefined): ClientOptions {
  return { host: HOST, port, ...(password === undefined ? {} : { password }), ...(certificates ? { tls: { ca: certificates.ca } } : {}) }
}

class Server implements RedisServer {
  readonly host: string = HOST
  readonly port: number
  readonly url: string
  readonly options: ClientOptions
  private readonly command: string
  private readonly folder: string
  private readonly args: readonly string[]
  private readonly clients = new Set<Redis>()
  private process: Supervised | undefined
  private lastLogs: string | undefined

  constructor(command: string, folder: string, port: number, args: readonly string[], options: ClientOptions) {
    this.command = command
    this.folder = folder
    this.port = port
    this.args = args
    this.options = options
    const password = options.password ? `:${encodeURIComponent(options.password)}@` : ''
    this.url = `redis${options.tls ? 's' : ''}://${password}${HOST}:${port}`
  }

  get alive(): boolean {
    return this.process !== undefined && this.process.ended() === undefined
  }

  async start(): Promise<void> {
    const started = await runSupervised(this.command, this.args, this.folder, LOG)
    this.process = started
    await waitUntil(`redis-server on port ${this.port}`, async () => started.ended() !== undefined || (await this.answers()))
    if (!this.alive) throw new Error(`redis-server ended (${started.ended()}):\n${this.logs()}`)
  }

  client(options: ClientOptions = {}): Redis {
    const client = new Redis({ ...this.options, ...options })
    client.on('error', () => undefined)
    this.clients.add(client)
    return client
  }

  async call(command: string, ...args: (string | number)[]): Promise<unknown> {
    const client = oneShot(this.options)
    try {
      await client.connect()
      return await client.call(command, ...args)
    } finally {
      client.disconnect()
    }
  }

  async restart({ keepData = false }: { readonly keepData?: boolean } = {}): Promise<void> {
    if (this.alive) await this.resume()
    if (this.alive && keepData) await this.call('SAVE')
    await this.kill()
    if (!keepData) for (const name of DATA) rmSync(join(this.folder, name), { recursive: true, force: true })
    await this.start()
  }

  async kill(): Promise<void> {
    await this.process?.kill()
  }

  async pause(): Promise<void> {
    await this.process?.signal('SIGSTOP')
  }

  async resume(): Promise<void> {
    await this.process?.signal('SIGCONT')
  }

  async stop(): Promise<void> {
    if (this.lastLogs !== undefined) return
    for (const client of this.clients) client.disconnect()
    await this.kill()
    this.lastLogs = this.logs()
    await removeFolder(this.folder)
  }

  logs(): string {
    const file = join(this.folder, LOG)
    return this.lastLogs ?? (existsSync(file) ? readFileSync(file, 'utf8') : '')
  }

  private async answers(): Promise<boolean> {
    return (await this.call('PING').catch(() => undefined)) === 'PONG'
  }
}

/** Fails instead of trying again or waiting: a server that is down or stopped says so. ioredis never clears its timer for a slow end
 * on a connection that was refused: two seconds of it would keep a process that has nothing else to do. */
function oneShot(options: ClientOptions): Redis {
  const client = new Redis({
    ...options,
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 2000,
    commandTimeout: 10_000,
    disconnectTimeout: 1,
  })
  client.on('error', () => undefined)
  return client
}
