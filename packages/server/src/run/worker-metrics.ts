import type { Worker } from 'node:cluster'
import { systemClock } from '@sluice/core'
import { AggregatorRegistry } from 'prom-client'
import type { FromPrimary } from './messages.ts'

/** ms. A worker that does not answer by then is left out of a scrape. */
const PATIENCE = 1_000

interface Scrape {
  readonly missing: Set<number>
  readonly metrics: object[][]
  readonly done: () => void
}

/** Asks all workers for their metrics, and joins them into those of one process. */
export class WorkerMetrics {
  private readonly scrapes = new Map<number, Scrape>()
  private last = 0

  /** The metrics of the workers that answer, in the text format of Prometheus. */
  async collect(workers: Iterable<Worker>): Promise<string> {
    const asked = [...workers].filter((worker) => worker.isConnected())
    this.last += 1
    const id = this.last
    const metrics: object[][] = []
    await new Promise<void>((resolve) => {
      const cancel = systemClock.after(PATIENCE, resolve)
      const done = (): void => {
        cancel()
        resolve()
      }
      this.scrapes.set(id, { missing: new Set(asked.map((worker) => worker.id)), metrics, done })
      for (const worker of asked) worker.send({ sluice: 'metrics wanted', id } satisfies FromPrimary)
    })
    this.scrapes.delete(id)
    return await AggregatorRegistry.aggregate(metrics).metrics()
  }

  take(id: number, worker: number, metrics: object[]): void {
    const scrape = this.scrapes.get(id)
    if (scrape === undefined || !scrape.missing.delete(worker)) return
    scrape.metrics.push(metrics)
    if (scrape.missing.size === 0) scrape.done()
  }

  /** A worker that has ended answers no scrape. */
  left(worker: number): void {
    for (const scrape of this.scrapes.values()) if (scrape.missing.delete(worker) && scrape.missing.size === 0) scrape.done()
  }
}
