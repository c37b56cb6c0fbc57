/// <reference types="node" />
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../processes/supervised-process.ts'
import { SupervisedServer } from '../processes/supervised-server.ts'
import { freePort, HOST } from '../redis/ports.ts'
import { type Program, prometheusBinary } from './binary.ts'

/** A server in a temporary folder. Both are removed when this process ends, even by SIGKILL. */
class Server extends SupervisedServer {
  readonly url: string
  readonly port: number
  private readonly name: Program

  constructor(name: Program, folder: string, port: number) {
    super(folder, 'server.log')
    this.name = name
    this.port = port
    this.url = `http://${HOST}:${port}`
  }

  async start(args: readonly string[]): Promise<this> {
    const command = [prometheusBinary(this.name), ...args]
    await this.run(`${this.name} on port ${this.port}`, command, async () => (await fetch(`${this.url}/-/ready`)).ok)
    return this
  }
}

/** One sample of an instant query. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Prometheus {
  readonly url: string
  /** An instant query. A number has no labels. Rejects if Prometheus refuses the query. */
  query(promql: string): Promise<readonly Sample[]>
  /** The names of the metrics that it has. */
  names(): Promise<readonly string[]>
  /** SIGKILL. */
  kill(): Promise<void>
  stop(): Promise<void>
  logs(): string
}

class PrometheusServer extends Server implements Prometheus {
  async query(promql: string): Promise<readonly Sample[]> {
    const { resultType, result } = (await this.get(`query?query=${encodeURIComponent(promql)}`)) as Answer
    if (resultType === 'scalar') return [{ labels: {}, value: Number(result[1]) }]
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
  }

  async names(): Promise<readonly string[]> {
    return (await this.get('label/__name__/values')) as readonly string[]
  }

  private async get(path: string): Promise<unknown> {
    const response = await fetch(`${this.url}/api/v1/${path}`)
    const body = (await response.json()) as { readonly status: string; readonly error?: string; readonly data?: unknown }
    if (body.status !== 'success') throw new Error(`${decodeURIComponent(path)}: ${body.error}`)
    return body.data
  }
}

type Vector = readonly { readonly metric: Readonly<Record<string, string>>; readonly value: readonly [number, string] }[]
type Answer =
  | { readonly resultType: 'scalar'; readonly result: readonly [number, string] }
  | { readonly resultType: 'vector'; readonly result: Vector }

/** Options of `startPrometheus()`. */
export interface StartPrometheus {
  /** `host:port` of each process that serves `/metrics`. */
  readonly targets: readonly string[]
  /** The path of a file of rules. Default: none. */
  readonly rules?: string
  /** `host:port` of an Alertmanager. Default: none. */
  readonly alertmanager?: string
  /** Seconds between scrapes, and between evaluations of rules. Default: 1. */
  readonly interval?: number
}

/**
 * Starts Prometheus on a free port of 127.0.0.1, and waits until it answers. Its first scrape is about 2 s later.
 * @example
 * ```ts
 * import { startPrometheus } from '@sluice/testing/prometheus'
 *
 * const prometheus = await startPrometheus({ targets: ['127.0.0.1:9464'] })
 * console.log(await prometheus.query('up'))
 * await prometheus.stop()
 * ```
 */
export async function startPrometheus({ targets, rules, alertmanager, interval = 1 }: StartPrometheus): Promise<Prometheus> {
  const folder = await makeFolder()
  const config = {
    global: { scrape_interval: `${interval}s`, scrape_timeout: `${interval}s`, evaluation_interval: `${interval}s` },
    rule_files: rules === undefined ? [] : [rules],
    alerting: { alertmanagers: alertmanager === undefined ? [] : [{ static_configs: [{ targets: [alertmanager] }] }] },
    scrape_configs: [{ job_name: 'sluice', static_configs: [{ targets }] }],
  }
  // JSON is YAML.
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
  const port = await freePort()
  const server = new PrometheusServer('prometheus', folder, port)
  return server.start([
    '--config.file=prometheus.yml',
    '--storage.tsdb.path=data',
    `--web.listen-address=${HOST}:${port}`,
    // By default, Prometheus learns of its first target after 5 s.
    '--scrape.discovery-reload-interval=1s',
    '--log.level=warn',
  ])
}

export interface Alertmanager {
  readonly url: string
  /** `host:port`, for `startPrometheus`. */
  readonly address: string
  stop(): Promise<void>
  logs(): string
}

/**
 * Starts an Alertmanager that sends each alert to a webhook at once.
 * @param webhook the URL that gets them as JSON, by POST
 */
export async function startAlertmanager(webhook: string): Promise<Alertmanager> {
  const folder = await makeFolder()
  const config = {
    route: { receiver: 'webhook', group_by: ['alertname', 'namespace'], group_wait: '0s', group_interval: '1s', repeat_interval: '1h' },
    receivers: [{ name: 'webhook', webhook_configs: [{ url: webhook, send_resolved: false }] }],
  }
  writeFileSync(join(folder, 'alertmanager.yml'), JSON.stringify(config))
  const port = await freePort()
  const server = new Server('prometheus-alertmanager', folder, port)
  // The empty address turns clustering off, which would need a network interface that is not private.
  await server.start([
    '--config.file=alertmanager.yml',
    '--storage.path=data',
    `--web.listen-address=${HOST}:${port}`,
    '--cluster.listen-address=',
    '--log.level=warn',
  ])
  return { url: server.url, address: `${HOST}:${port}`, stop: () => server.stop(), logs: () => server.logs() }
}
