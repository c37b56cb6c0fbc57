/// <reference types="node" />
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis, type RedisOptions } from 'ioredis'
import { type Certificates, makeCertificates } from '../certificates.ts'
import { freePort, HOST } from './ports.ts'
import { redisServerBinary } from './server-binary.ts'
import { makeFolder, removeFolder } from '../processes/supervised-process.ts'
import { SupervisedServer } from '../processes/supervised-server.ts'

/** The options that ioredis 6 accepts: its types return the replies that its commands declare only with `legacy` mapping. */
export type ClientOptions = RedisOptions & { replyMapping?: 'legacy' }

/** Options of `startRedis()`. */
export interface StartRedis {
  /** The path of the server. Default: `SLUICE_REDIS_SERVER`, else `redis-server` on PATH. `otherServer()` gives those of other versions. */
  readonly binary?: string
  /** More arguments of redis-server, or a function from its port to them. The last of two equal options wins. */
  readonly args?: readonly string[] | ((port: number) => readonly string[] | Promise<readonly string[]>)
  /** Default: none. */
  readonly password?: string
  /** Default false. Needs `openssl` on PATH. */
  readonly tls?: boolean
  /** A command that runs redis-server, such as `['env', 'NAME=value']` or `['sh', '-c', '… exec "$@"', 'sh']`. */
  readonly wrap?: readonly string[]
  /** Runs a Sentinel with this configuration file, not a server. */
  readonly sentinel?: string
}

/** One redis-server in a temporary folder. Both are removed when this process ends, even by SIGKILL. */
export interface RedisServer {
  readonly host: string
  readonly port: number
  /** Does not contain the certificate authority, which is in `options`. */
  readonly url: string
  /** Connection options for ioredis. */
  readonly options: ClientOptions
  /** False from `kill()` to `restart()`. */
  readonly alive: boolean
  /** A new client of this server. `stop()` disconnects it, and its `error` events are ignored. */
  client(options?: ClientOptions): Redis
  /** Runs one command on a new connection. */
  call(command: string, ...args: (string | number)[]): Promise<unknown>
  /** Restarts the server on the same port, also after `kill()`. Default: empty. With `keepData`, a running server saves its data first. */
  restart(options?: { readonly keepData?: boolean }): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGSTOP: the system still accepts connections, and nothing answers. */
  pause(): Promise<void>
  resume(): Promise<void>
  stop(): Promise<void>
  /** All output since the first start. */
  logs(): string
}

const LOG = 'redis.log'
const SENTINEL = 'sentinel.conf'
const NO_PERSISTENCE = ['--save', '', '--appendonly', 'no']
/** A replica starts to copy immediately instead of after 5 s. */
const FAST_SYNC = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1']
/** Files and folders that may hold data. */
const DATA_FILES = ['dump.rdb', 'appendonlydir', 'appendonly.aof']

/**
 * Starts a redis-server without persistence on a free port of 127.0.0.1, and waits until it answers.
 *
 * @example
 * ```ts
 * import { startRedis } from '@sluice/testing/redis'
 *
 * const server = await startRedis()
 * await server.client().set('key', 'value')
 * await server.stop()
 * ```
 */
export async function startRedis(options: StartRedis = {}): Promise<RedisServer> {
  const binary = options.binary ?? (await redisServerBinary(options.tls))
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
        // Another process may take the port between the check and the start.
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
    ...NO_PERSISTENCE,
    ...FAST_SYNC,
    ...(password === undefined ? [] : ['--requirepass', password, '--masterauth', password]),
    ...(certificates ? ['--tls-cert-file', certificates.certFile, '--tls-key-file', certificates.keyFile] : []),
    ...(certificates ? ['--tls-ca-cert-file', certificates.caFile, '--tls-auth-clients', 'no'] : []),
    ...more,
  ]
}

function clientOptions({ password }: StartRedis, port: number, certificates: Certificates | undefined): ClientOptions {
  return { host: HOST, port, ...(password === undefined ? {} : { password }), ...(certificates ? { tls: { ca: certificates.ca } } : {}) }
}

class Server extends SupervisedServer implements RedisServer {
  readonly host: string = HOST
  readonly port: number
  readonly url: string
  readonly options: ClientOptions
  private readonly command: string
  private readonly args: readonly string[]
  private readonly clients = new Set<Redis>()

  constructor(command: string, folder: string, port: number, args: readonly string[], options: ClientOptions) {
    super(folder, LOG)
    this.command = command
    this.port = port
    this.args = args
    this.options = options
    const password = options.password ? `:${encodeURIComponent(options.password)}@` : ''
    this.url = `redis${options.tls ? 's' : ''}://${password}${HOST}:${port}`
  }

  async start(): Promise<void> {
    await this.run(`redis-server on port ${this.port}`, [this.command, ...this.args], () => this.answers())
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
    if (!keepData) for (const name of DATA_FILES) rmSync(join(this.folder, name), { recursive: true, force: true })
    await this.start()
  }

  override async stop(): Promise<void> {
    for (const client of this.clients) client.disconnect()
    await super.stop()
  }

  private async answers(): Promise<boolean> {
    return (await this.call('PING').catch(() => undefined)) === 'PONG'
  }
}

/**
 * A client that fails instead of retrying, so that a server that is down is reported at once. `disconnectTimeout` is short,
 * since ioredis does not clear that timer after a refused connection, and it would keep the process alive.
 */
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
