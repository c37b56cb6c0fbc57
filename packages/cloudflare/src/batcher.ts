import type { Outcome } from '@sluice/core'
import { areCommandsHeard, beginCommand, inMicrotask } from '@sluice/core/store-kit'
import type { Settings } from './options.ts'
import type { ObjectNamespace } from './runtime.ts'
import { DurableObjectStoreError, nextBatchNumber } from './store-error.ts'
import { decodeOutcomes, type WireAnswer, type WireBatch, type WireDecision } from './wire.ts'

/** The most charges in one batch: an object decides one batch at a time, while others wait. */
export const MAX_CHARGES = 512

type BatcherSettings = Pick<Settings, 'locationHint' | 'clock' | 'shardOf'>

interface QueuedDecision {
  readonly decision: WireDecision
  resolve(outcomes: readonly (Outcome | undefined)[]): void
  reject(error: unknown): void
}

/**
 * Collects the decisions of one turn of the event loop for each object, and sends them in order. A turn belongs to one request, and
 * nothing is kept beyond it. The runtime forbids a request to use the stubs of another request, or to wait for its answers.
 */
export class Batcher {
  private readonly namespace: ObjectNamespace
  private readonly settings: BatcherSettings
  private readonly queues = new Map<string, QueuedDecision[]>()

  constructor(namespace: ObjectNamespace, settings: BatcherSettings) {
    this.namespace = namespace
    this.settings = settings
  }

  add(object: string, decision: WireDecision): Promise<readonly (Outcome | undefined)[]> {
    return new Promise((resolve, reject) => {
      // A microtask still runs within the turn; a timer would run after it.
      if (this.queues.size === 0) inMicrotask(() => this.flush())
      const queued = { decision, resolve, reject }
      const queue = this.queues.get(object)
      if (queue === undefined) this.queues.set(object, [queued])
      else queue.push(queued)
    })
  }

  private flush(): void {
    const queues = [...this.queues]
    this.queues.clear()
    for (const [object, queue] of queues) {
      let batch: QueuedDecision[] = []
      let charges = 0
      for (const queued of queue) {
        if (batch.length > 0 && charges + queued.decision.charges.length > MAX_CHARGES) {
          void this.send(object, batch)
          batch = []
          charges = 0
        }
        batch.push(queued)
        charges += queued.decision.charges.length
      }
      void this.send(object, batch)
    }
  }

  private async send(object: string, batch: readonly QueuedDecision[]): Promise<void> {
    const batchNumber = nextBatchNumber()
    const ended = areCommandsHeard() ? beginCommand('durable-object', this.shardOf(batch), batch.length) : undefined
    try {
      const answers = await this.request(object, batch)
      ended?.(batch.every((_, i) => answers[i] !== undefined && !('error' in answers[i])))
      for (const [i, queued] of batch.entries()) {
        const answer = answers[i]
        if (answer === undefined)
          queued.reject(new DurableObjectStoreError('the answer has fewer entries than the batch', object, batchNumber))
        else if ('error' in answer) queued.reject(new DurableObjectStoreError(answer.error, object, batchNumber, false))
        else queued.resolve(decodeOutcomes(answer.outcomes))
      }
    } catch (cause) {
      ended?.(false)
      const error = new DurableObjectStoreError(cause, object, batchNumber)
      for (const queued of batch) queued.reject(error)
    }
  }

  private shardOf([first]: readonly QueuedDecision[]): string {
    return this.settings.shardOf(first?.decision.charges[0]?.subject ?? '')
  }

  private async request(object: string, batch: readonly QueuedDecision[]): Promise<readonly (WireAnswer | undefined)[]> {
    const { namespace } = this
    const { locationHint, clock } = this.settings
    const message: WireBatch = {
      now: clock === undefined ? undefined : Math.round(clock.now() * 1000),
      decisions: batch.map(({ decision }) => decision),
    }
    const stub = namespace.get(namespace.idFromName(object), locationHint === undefined ? {} : { locationHint })
    const answer = await stub.fetch('https://sluice.invalid/', { method: 'POST', body: JSON.stringify(message) })
    if (answer.status !== 200)
      throw new Error(`expected status 200 from the object, got ${answer.status}: ${(await answer.text()).slice(0, 200)}`)
    return (await answer.json()) as readonly WireAnswer[]
  }
}
