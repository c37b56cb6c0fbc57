import type { Instrument } from '@sluice/telemetry'
import { type Metric, Registry } from 'prom-client'
import { EndpointMetrics, type Value } from './endpoint-metrics.ts'
import { CONNECTIONS, IN_FLIGHT, REFUSED_CONNECTIONS, REQUESTS, SECONDS, WORKERS } from './instruments.ts'

/** What is counted of one protocol. */
export interface ProtocolMetrics {
  /** Requests that have no answer yet. */
  inFlight: number
  /** Connections that are open. */
  connections: number
  /** Connections that were one too many. */
  refused: number
}

/** The registry of one service, and the metrics of the service itself. */
export class ServerMetrics {
  readonly registry: Registry = new Registry()
  /** Reads what `/metrics` answers. A worker replaces it by what reads the metrics of all workers. */
  collect: () => Promise<string> = () => this.registry.metrics()
  private readonly endpoints = new Map<string, EndpointMetrics>()
  private readonly protocols = new Map<string, ProtocolMetrics>()

  constructor() {
    this.register(REQUESTS, () => [...this.endpoints.values()].flatMap((each) => each.requests()))
    this.register(SECONDS, () => [...this.endpoints.values()].flatMap((each) => each.seconds()))
    this.register(IN_FLIGHT, () => this.byProtocol(({ inFlight }) => inFlight))
    this.register(CONNECTIONS, () => this.byProtocol(({ connections }) => connections))
    this.register(REFUSED_CONNECTIONS, () => this.byProtocol(({ refused }) => refused))
    this.register(WORKERS, () => [{ labels: {}, value: 1 }])
  }

  /** The metrics of an endpoint. @param endpoint its name in the code, never a text of a client */
  endpoint(protocol: 'http' | 'grpc', endpoint: string): EndpointMetrics {
    const key = `${protocol} ${endpoint}`
    let found = this.endpoints.get(key)
    if (found === undefined) this.endpoints.set(key, (found = new EndpointMetrics(protocol, endpoint)))
    return found
  }

  protocol(name: 'http' | 'grpc'): ProtocolMetrics {
    let found = this.protocols.get(name)
    if (found === undefined) this.protocols.set(name, (found = { inFlight: 0, connections: 0, refused: 0 }))
    return found
  }

  /** Adds a metric that is read when metrics are collected. */
  register(instrument: Instrument, values: () => readonly Value[]): void {
    this.registry.registerMetric(collected(instrument, values) as unknown as Metric)
  }

  private byProtocol(read: (of: ProtocolMetrics) => number): readonly Value[] {
    return Array.from(this.protocols, ([protocol, of]) => ({ labels: { protocol }, value: read(of) }))
  }
}

/** What a registry of prom-client asks of a metric. */
function collected({ name, help, kind: type, workers: aggregator = 'sum' }: Instrument, values: () => readonly Value[]): object {
  return {
    name,
    help,
    type,
    aggregator,
    get: () => Promise.resolve({ name, help, type, aggregator, values: values() }),
    reset: () => undefined,
  }
}
