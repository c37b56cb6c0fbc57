/// <reference types="node" />
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolder } from '../processes/supervised-process.ts'
import { SupervisedServer } from '../processes/supervised-server.ts'
import { freePort, HOST } from '../redis/ports.ts'

/** The version of the OpenTelemetry Collector that the tests run on. */
export const COLLECTOR_VERSION = '0.165.0'

/** The program that `node scripts/collector.ts` builds. */
export function collectorProgram(): string {
  return process.env['SLUICE_OTELCOL'] || fileURLToPath(new URL(`../../../../.tools/servers/otelcol-${COLLECTOR_VERSION}`, import.meta.url))
}

export interface Collector {
  /** The URL that an OTLP exporter of metrics posts to. */
  readonly otlp: string
  /** What its exporter to Prometheus serves. */
  scrape(): Promise<string>
  stop(): Promise<void>
  logs(): string
}

class CollectorServer extends SupervisedServer implements Collector {
  readonly otlp: string
  private readonly served: string

  constructor(folder: string, otlp: number, served: number) {
    super(folder, 'collector.log')
    this.otlp = `http://${HOST}:${otlp}/v1/metrics`
    this.served = `http://${HOST}:${served}/metrics`
  }

  async start(): Promise<this> {
    const program = collectorProgram()
    if (!existsSync(program)) throw new Error('The test needs the OpenTelemetry Collector: node scripts/collector.ts (needs Go)')
    await this.run('the collector', [program, '--config=collector.yaml'], async () => (await fetch(this.served)).ok)
    return this
  }

  async scrape(): Promise<string> {
    return await (await fetch(this.served)).text()
  }
}

/** Starts a collector that takes OTLP over HTTP and serves the metrics to Prometheus. */
export async function startCollector(): Promise<Collector> {
  const folder = await makeFolder()
  const [otlp, served] = [await freePort(), await freePort()]
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint: `${HOST}:${otlp}` } } } },
    exporters: { prometheus: { endpoint: `${HOST}:${served}` } },
    service: { telemetry: { metrics: { level: 'none' } }, pipelines: { metrics: { receivers: ['otlp'], exporters: ['prometheus'] } } },
  }
  // JSON is YAML.
  writeFileSync(join(folder, 'collector.yaml'), JSON.stringify(config))
  return new CollectorServer(folder, otlp, served).start()
}
