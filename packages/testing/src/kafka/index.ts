/// <reference types="node" />
// Entry `@sluice/testing/kafka`: a real broker of Apache Kafka. It ends with the test process, even when it is killed.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder, removeFolder } from '../processes/supervised-process.ts'
import { SupervisedServer } from '../processes/supervised-server.ts'
import { accepts, freePort, HOST } from '../redis/ports.ts'
import { type TcpProxy, tcpProxy } from '../redis/proxy.ts'
import { kafkaCommand } from './jars.ts'

/** One broker, which is its own controller. */
export interface KafkaServer {
  readonly host: string
  readonly port: number
  /** For `brokers` of a client. */
  readonly address: string
  /** SIGKILL. The data stays. */
  kill(): Promise<void>
  /** Starts the broker again with its data. */
  restart(): Promise<void>
  /** SIGSTOP: the system still accepts connections, and nothing answers. */
  pause(): Promise<void>
  resume(): Promise<void>
  stop(): Promise<void>
  logs(): string
}

/** A port of a broker besides its own. */
export interface ProxiedPort {
  readonly port: number
  /** The port of the broker, as the clients of this port hear. */
  readonly advertised: number
}

/** A broker, and proxies in front of it. */
export interface ProxiedKafka {
  readonly server: KafkaServer
  readonly proxies: readonly TcpProxy[]
  stop(): Promise<void>
}

/**
 * Starts Apache Kafka in a temporary folder.
 * @param settings of the broker, such as `log.cleaner.backoff.ms`
 */
export async function startKafka(
  settings: Readonly<Record<string, string | number>> = {},
  proxied: readonly ProxiedPort[] = [],
): Promise<KafkaServer> {
  const { java, classPath } = kafkaCommand()
  const folder = await makeFolder()
  try {
    const server = new Server(folder, await freePort(), java, classPath)
    server.configure(await freePort(), settings, proxied)
    await server.start()
    return server
  } catch (error) {
    await removeFolder(folder)
    throw error
  }
}

/**
 * Starts Apache Kafka, and proxies in front of it. A client connects to the address that the broker names, so the broker names each proxy to
 * those that come through it.
 * @param count of the proxies
 */
export async function startProxiedKafka(count: number): Promise<ProxiedKafka> {
  const ports = await Promise.all(Array.from({ length: count }, () => freePort()))
  const proxies = await Promise.all(ports.map((port) => tcpProxy({ host: HOST, port })))
  const close = async (): Promise<void> => void (await Promise.all(proxies.map((proxy) => proxy.close())))
  try {
    const pairs = proxies.map((proxy, i) => ({ port: ports[i] as number, advertised: proxy.port }))
    const server = await startKafka({}, pairs)
    const stop = async (): Promise<void> => {
      await server.stop()
      await close()
    }
    return { server, proxies, stop }
  } catch (error) {
    await close()
    throw error
  }
}

class Server extends SupervisedServer implements KafkaServer {
  readonly host: string = HOST
  readonly port: number
  private readonly java: string
  private readonly classPath: string

  constructor(folder: string, port: number, java: string, classPath: string) {
    super(folder, 'kafka.log')
    this.port = port
    this.java = java
    this.classPath = classPath
  }

  get address(): string {
    return `${HOST}:${this.port}`
  }

  /** Kafka's own tool that formats the folder writes this file, and takes a second JVM. */
  configure(controller: number, settings: Readonly<Record<string, string | number>>, proxied: readonly ProxiedPort[]): void {
    const listeners = [
      { name: 'PLAINTEXT', port: this.port, advertised: this.port },
      ...proxied.map((ports, i) => ({ name: `PROXIED${i}`, ...ports })),
    ]
    const data = join(this.folder, 'data')
    mkdirSync(data)
    const meta = { version: 1, 'cluster.id': 'AAAAAAAAAAAAAAAAAAAAAA', 'node.id': 1, 'directory.id': 'BBBBBBBBBBBBBBBBBBBBBQ' }
    writeFileSync(join(data, 'meta.properties'), properties(meta))
    const own = {
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@${HOST}:${controller}`,
      listeners: [...listeners.map(({ name, port }) => `${name}://${HOST}:${port}`), `CONTROLLER://${HOST}:${controller}`].join(','),
      'advertised.listeners': listeners.map(({ name, advertised }) => `${name}://${HOST}:${advertised}`).join(','),
      'controller.listener.names': 'CONTROLLER',
      'listener.security.protocol.map': ['CONTROLLER', ...listeners.map(({ name }) => name)].map((name) => `${name}:PLAINTEXT`).join(','),
      'inter.broker.listener.name': 'PLAINTEXT',
      'log.dirs': data,
      'auto.create.topics.enable': false,
      'offsets.topic.replication.factor': 1,
      'offsets.topic.num.partitions': 1,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'transaction.state.log.num.partitions': 1,
      'group.initial.rebalance.delay.ms': 0,
      // A broker that was killed is let in again when the controller has given its last session up: by default after 9 s.
      'broker.session.timeout.ms': 1_000,
      'broker.heartbeat.interval.ms': 200,
      'num.network.threads': 1,
      'num.io.threads': 2,
    }
    writeFileSync(join(this.folder, 'server.properties'), properties({ ...own, ...settings }))
  }

  async start(): Promise<void> {
    const memory = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
    const log = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
    const command = [this.java, ...memory, log, '-cp', this.classPath, 'kafka.Kafka', 'server.properties']
    await this.run(`Kafka on port ${this.port}`, command, () => accepts(this.port), 60_000)
  }

  async restart(): Promise<void> {
    if (this.alive) await this.kill()
    await this.start()
  }
}

function properties(values: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
