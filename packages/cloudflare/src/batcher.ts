import type { Clock, Outcome } from '@sluice/core'
import { type ObjectNamespace, runtime } from './runtime.ts'
import { DurableObjectStoreError, nextCommand } from './store-error.ts'
import { decodeOutcomes, type WireAnswer, type WireBatch, type WireDecision } from './wire.ts'

/** A batch is bounded, or it holds up the object for everybody else. */
export const MOST_CHARGES = 512

interface Waiting {
  readonly decision: WireDecision
  resolve(outcomes: readonly Outcome[]): void
  reject(error: unknown): void
}

/**
 * What each object is asked in one turn, in the order it was asked. A turn belongs to one request, and nothing of it is kept
 * beyond: the runtime lets no request use the stubs or wait for the answers of another, whose end would be theirs.
 */
export class Batcher {
  private readonly namespace: ObjectNamespace
  private readonly locationHint: string | undefined
  private readonly clock: Clock | undefined
  private readonly waiting = new Map<string, Waiting[]>()

  constructor(namespace: ObjectNamespace, locationHint: string | undefined, clock: Clock | undefined) {
    this.namespace = namespace
    this.locationHint = locationHint
    this.clock = clock
  }

  add(object: string, decision: WireDecision): Promise<readonly Outcome[]> {
    return new Promise((resolve, reject) => {
      // Not a timer: it would end the turn, and with it what may be sent together.
      if (this.waiting.size === 0) runtime.queueMicrotask(() => this.flush())
      const queue = this.waiting.get(object)
      const waiting = { decision, resolve, reject }
      if (queue === undefined) this.waiting.set(object, [waiting])
      else queue.push(waiting)
    })
  }

  private flush(): void {
    const all = [...this.waiting]
    this.waiting.clear()
    for (const [object, queue] of all) {
      let batch: Waiting[] = []
      let charges = 0
      for (const waiting of queue) {
        if (batch.length > 0 && charges + waiting.decision.charges.length > MOST_CHARGES) {
          void this.send(object, batch)
          batch = []
          charges = 0
        }
        batch.push(waiting)
        charges += waiting.decision.charges.length
      }
      void this.send(object, batch)
    }
  }

  private async send(object: string, batch: readonly Waiting[]): Promise<void> {
    const command = nextCommand()
    try {
      const answers = await this.ask(object, batch)
      for (const [i, waiting] of batch.entries()) {
        const answer = answers[i]
        if (answer === undefined) waiting.reject(new DurableObjectStoreError('it left out an answer', object, command))
        else if ('error' in answer) waiting.reject(new DurableObjectStoreError(answer.error, object, command, false))
        else waiting.resolve(decodeOutcomes(answer.outcomes))
      }
    } catch (cause) {
      const error = new DurableObjectStoreError(cause, object, command)
      for (const waiting of batch) waiting.reject(error)
    }
  }

  private async ask(object: string, batch: readonly Waiting[]): Promise<readonly (WireAnswer | undefined)[]> {
    const { namespace, locationHint, clock } = this
    const message: WireBatch = {
      now: clock === undefined ? undefined : Math.round(clock.now() * 1000),
      decisions: batch.map(({ decision }) => decision),
    }
    const stub = namespace.get(namespace.idFromName(object), locationHint === undefined ? {} : { locationHint })
    const answer = await stub.fetch('https://sluice.invalid/', { method: 'POST', body: JSON.stringify(message) })
    if (answer.status !== 200) throw new Error(`it answered ${answer.status}: ${(await answer.text()).slice(0, 200)}`)
    return (await answer.json()) as readonly WireAnswer[]
  }
}
