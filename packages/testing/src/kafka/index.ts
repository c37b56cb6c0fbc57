/// <reference types="node" />
// Entry `@sluice/testing/kafka`: a real broker of Apache Kafka. It ends with the test process, even when it is killed.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder, removeFolder } from '../processes/supervised-process.ts'
import { SupervisedServer } from '../processes/supervised-server.ts'
import { accepts, freePort, HOST } from '../redis/ports.ts'
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

/**
 * Starts Apache Kafka in a temporary folder.
 * @param settings of the broker, such as `log.cleaner.backoff.ms`
 * @param proxied a second port, whose clients hear that the broker has the port `advertised`
 */
export async function startKafka(
  settings: Readonly<Record<string, string | number>> = {},
  proxied?: { readonly port: number; readonly advertised: number },
): Promise<KafkaServer> {
  const { java, classPath } = kafkaCommand()
  const folder = await makeFolder()
  try {
    const server = new Server(folder, await freePort(), java, classPath)
    server.configure(await freePort(), { ...settings, ...(proxied && server.second(proxied)) })
    await server.start()
    return server
  } catch (error) {
    await removeFolder(folder)
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
  configure(controller: number, settings: Readonly<Record<string, string | number>>): void {
    const data = join(this.folder, 'data')
    mkdirSync(data)
    const meta = { version: 1, 'cluster.id': 'AAAAAAAAAAAAAAAAAAAAAA', 'node.id': 1, 'directory.id': 'BBBBBBBBBBBBBBBBBBBBBQ' }
    writeFileSync(join(data, 'meta.properties'), properties(meta))
    const own = {
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@${HOST}:${controller}`,
      listeners: `PLAINTEXT://${HOST}:${this.port},CONTROLLER://${HOST}:${controller}`,
      'advertised.listeners': `PLAINTEXT://${HOST}:${this.port}`,
      'controller.listener.names': 'CONTROLLER',
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT',
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
    // A second port adds to these two lists.
    const both = Object.fromEntries(
      (['listeners', 'advertised.listeners'] as const).map((name) => [name, [own[name], settings[name]].filter(Boolean).join(',')]),
    )
    writeFileSync(join(this.folder, 'server.properties'), properties({ ...own, ...settings, ...both }))
  }

  /** The settings of a second port. */
  second({ port, advertised }: { readonly port: number; readonly advertised: number }): Readonly<Record<string, string>> {
    return { listeners: `PROXIED://${HOST}:${port}`, 'advertised.listeners': `PROXIED://${HOST}:${advertised}` }
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
