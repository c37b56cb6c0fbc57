import type { Histogram, Meter, Observable } from '@opentelemetry/api'
import { invalid } from '@sluice/core/adapter-kit'
import { Collection } from '../metrics/collection.ts'
import { type Instrument, INSTRUMENTS } from '../metrics/instruments.ts'
import type { Metrics, MetricsOptions } from '../metrics/options.ts'

const WHAT = 'openTelemetryMetrics'

/**
 * Measures all limiters of this process by a meter, those that exist and those made later. Names are those of Prometheus, so that an exporter to
 * Prometheus keeps them. Take the meter after the SDK has started: one that was taken before measures nothing.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api'
 * import { openTelemetryMetrics } from '@sluice/telemetry/opentelemetry'
 *
 * openTelemetryMetrics(metrics.getMeter('sluice'))
 * ```
 */
export function openTelemetryMetrics(meter: Meter, options: MetricsOptions = {}): Metrics {
  if (typeof (meter as Partial<Meter> | undefined)?.createObservableCounter !== 'function')
    throw invalid(`${WHAT}: meter`, "a meter, such as metrics.getMeter('sluice')", meter)
  const histograms = new Map<Instrument, Histogram>()
  const observables = new Map<Observable, Instrument>()
  for (const instrument of INSTRUMENTS) {
    if (instrument.kind === 'histogram') histograms.set(instrument, meter.createHistogram(instrument.name, optionsOf(instrument)))
    else observables.set(observableOf(meter, instrument), instrument)
  }
  const collection = new Collection(WHAT, options, (instrument, labels) => {
    const histogram = histograms.get(instrument)
    return { record: (value) => histogram?.record(value, labels) }
  })
  const callback: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    for (const [observable, instrument] of observables)
      for (const [labels, value] of collection.read(instrument)) result.observe(observable, value, labels)
  }
  meter.addBatchObservableCallback(callback, [...observables.keys()])
  return {
    add: (sources) => collection.add(`${WHAT}: add`, sources),
    close() {
      collection.stop()
      meter.removeBatchObservableCallback(callback, [...observables.keys()])
    },
  }
}

function observableOf(meter: Meter, instrument: Instrument): Observable {
  const { name, kind } = instrument
  return kind === 'counter'
    ? meter.createObservableCounter(name, optionsOf(instrument))
    : meter.createObservableGauge(name, optionsOf(instrument))
}

function optionsOf({ help, unit, buckets }: Instrument) {
  return { description: help, unit, ...(buckets && { advice: { explicitBucketBoundaries: [...buckets] } }) }
}
