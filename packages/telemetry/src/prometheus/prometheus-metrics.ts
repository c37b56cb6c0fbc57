import { invalid } from '@sluice/core/adapter-kit'
import type { Metric, Registry, RegistryContentType } from 'prom-client'
import { Collection } from '../metrics/collection.ts'
import { type Instrument, INSTRUMENTS } from '../metrics/instruments.ts'
import type { Metrics, MetricsOptions } from '../metrics/options.ts'
import { Histogram } from './histogram.ts'
import type { Value } from './value.ts'

const WHAT = 'prometheusMetrics'

/**
 * Adds the metrics of all limiters of this process to a registry of prom-client, those that exist and those made later. A scrape reads them.
 * @throws ERR_OPTION_INVALID for what is no registry, and for one that has these metrics; ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { prometheusMetrics } from '@sluice/telemetry/prometheus'
 * import { register } from 'prom-client'
 *
 * prometheusMetrics(register)
 * createServer(async (_, response) => {
 *   response.setHeader('content-type', register.contentType).end(await register.metrics())
 * }).listen(9464)
 * ```
 */
export function prometheusMetrics(registry: Registry<RegistryContentType>, options: MetricsOptions = {}): Metrics {
  if (typeof (registry as Partial<typeof registry> | undefined)?.registerMetric !== 'function')
    throw invalid(`${WHAT}: registry`, 'a registry of prom-client, such as its register', registry)
  const taken = INSTRUMENTS.find(({ name }) => registry.getSingleMetric(name) !== undefined)
  if (taken !== undefined) throw invalid(`${WHAT}: registry`, 'a registry without metrics of Sluice', `one that has ${taken.name}`)
  const histograms = new Map<Instrument, Histogram[]>(INSTRUMENTS.map((instrument) => [instrument, []]))
  const collection = new Collection(WHAT, options, (instrument, labels) => {
    const made = new Histogram(instrument, labels)
    histograms.get(instrument)?.push(made)
    return made
  })
  for (const instrument of INSTRUMENTS) {
    const values =
      instrument.kind === 'histogram'
        ? () => (histograms.get(instrument) ?? []).flatMap((each) => each.values())
        : () => collection.read(instrument).map(([labels, value]) => ({ labels, value }))
    registry.registerMetric(new CollectedMetric(instrument, values) as unknown as Metric)
  }
  return {
    add: (sources) => collection.add(`${WHAT}: add`, sources),
    close() {
      collection.stop()
      for (const { name } of INSTRUMENTS) registry.removeSingleMetric(name)
    },
  }
}

/**
 * What a registry of prom-client asks of a metric. The classes of prom-client find the series of each value by a text of all its labels, which
 * takes longer than a decision.
 */
class CollectedMetric {
  /** The registry shortens it for OpenMetrics. */
  name: string
  readonly help: string
  readonly type: Instrument['kind']
  readonly aggregator: string
  private readonly values: () => readonly Value[]

  constructor({ name, help, kind, workers = 'sum' }: Instrument, values: () => readonly Value[]) {
    this.name = name
    this.help = help
    this.type = kind
    this.aggregator = workers
    this.values = values
  }

  get(): Promise<object> {
    const { name, help, type, aggregator } = this
    return Promise.resolve({ name, help, type, aggregator, values: this.values() })
  }

  /** `registry.resetMetrics()` is for tests. Counters that other parts count could not go back. */
  reset(): void {}
}
