import { setImmediate as endOfTurn } from 'node:timers'
import { type Charge, type Clock, type ConsumeOptions, type Outcome, systemClock } from '@sluice/core'
import { decide, uniqueId } from '@sluice/core/algorithms'
import type { RedisClient } from './client.ts'
import { run, type Script } from './script.ts'
import { answerOf, RedisStoreError } from './store-error.ts'
import { decodeStates, encodeBatch, type WireDecision, type WireState } from './wire.ts'

/** A batch is bounded, or it holds up the server for everybody else. */
const MOST_DECISIONS = 64
const MOST_CHARGES = 192
const MOST_CHARACTERS = 32_768
/** A calendar window can end between the computing and the deciding: asked again with the server's time, it cannot twice. */
const MOST_ASKED = 3

/** How often a decision's own verdict must be told: never, unless Lua and TypeScript disagree. */
export type Tell = (code: 'ANOMALY_STATE_UNREADABLE' | 'ANOMALY_VERDICT', message: string) => void

interface Waiting extends WireDecision {
  /** ms since the epoch: for which time calendar windows are computed. */
  readonly millis: number
  readonly asked: number
  resolve(outcomes: readonly Outcome[]): void
  reject(error: unknown): void
}

/** What one unit of the topology (a server, a cluster slot) is asked in one turn of the event loop, in the order it was asked. */
export class Batcher {
  private readonly client: RedisClient
  private readonly script: Script
  private readonly shard: string
  private readonly clock: Clock | undefined
  private readonly tell: Tell
  private waiting: Waiting[] = []

  constructor(client: RedisClient, script: Script, shard: string, clock: Clock | undefined, tell: Tell) {
    this.client = client
    this.script = script
    this.shard = shard
    this.clock = clock
    this.tell = tell
  }

  add(charges: readonly Charge[], keys: readonly string[], how: WireDecision['how'], options: ConsumeOptions): Promise<readonly Outcome[]> {
    // Made before it is sent: an acquisition whose reply is lost can still be released, and sent again takes nothing more.
    const holder = charges.some(({ limit }) => limit.algorithm === 'concurrency') ? uniqueId() : ''
    return new Promise((resolve, reject) => {
      this.enqueue({ charges, keys, how, options, holder, millis: (this.clock ?? systemClock).now(), asked: 1, resolve, reject })
    })
  }

  private enqueue(decision: Waiting): void {
    // At the end of this turn, not of this call: requests that arrived together leave together.
    if (this.waiting.length === 0) endOfTurn(() => this.flush())
    this.waiting.push(decision)
  }

  private flush(): void {
    const { waiting } = this
    this.waiting = []
    let batch: Waiting[] = []
    let charges = 0
    let characters = 0
    for (const decision of waiting) {
      const size = decision.keys.reduce((sum, key) => sum + key.length + 32, 0)
      const full =
        batch.length === MOST_DECISIONS || charges + decision.charges.length > MOST_CHARGES || characters + size > MOST_CHARACTERS
      if (full && batch.length > 0) {
        void this.send(batch)
        batch = []
        charges = 0
        characters = 0
      }
      batch.push(decision)
      charges += decision.charges.length
      characters += size
    }
    if (batch.length > 0) void this.send(batch)
  }

  private async send(batch: readonly Waiting[]): Promise<void> {
    const command = ++commands
    try {
      const now = this.clock === undefined ? -1 : Math.round(this.clock.now() * 1000)
      const { keys, argument } = encodeBatch(batch, now, batch[0]?.millis ?? 0)
      this.receive(batch, (await run(this.client, this.script, keys, argument)) as Reply, command)
    } catch (cause) {
      this.fail(batch, cause, command)
    }
  }

  private receive(batch: readonly Waiting[], [now, unreadable, error, ...replies]: Reply, command: number): void {
    if (unreadable > 0) this.tell('ANOMALY_STATE_UNREADABLE', `${unreadable} states could not be read and count as absent`)
    for (const [i, reply] of replies.entries()) this.settle(batch[i] as Waiting, reply, now)
    const rest = batch.slice(replies.length)
    if (rest.length > 0) this.fail(rest, new Error(error), command)
  }

  private settle(decision: Waiting, [verdict, ...states]: Told, now: number): void {
    const { charges, keys, how, options, holder } = decision
    if (how === 'reset') {
      decision.resolve([])
      return
    }
    if (verdict < 0) {
      if (decision.asked < MOST_ASKED) this.enqueue({ ...decision, millis: now / 1000, asked: decision.asked + 1 })
      else
        decision.reject(
          new RedisStoreError(new Error('a calendar window could not be computed for the time of the server'), this.shard, commands),
        )
      return
    }
    const told = { ...options, source: 'redis', holder: holder === '' ? undefined : holder }
    const { outcomes } = decide(charges, keys, decodeStates(charges, states), now, told)
    if (outcomes.every(({ allowed }) => allowed) !== (verdict === 1)) {
      this.tell('ANOMALY_VERDICT', `Redis and Sluice disagree about ${keys.join(', ')}; what Redis decided stands`)
    }
    decision.resolve(outcomes)
  }

  private fail(batch: readonly Waiting[], cause: unknown, command: number): void {
    const error = new RedisStoreError(cause, this.shard, command)
    // A demoted primary keeps its connections: only a new one finds the new primary.
    if (answerOf(error.message) === 'readonly' || error.answer === 'readonly') this.client.disconnect(true)
    for (const decision of batch) decision.reject(error)
  }
}

type Told = readonly [verdict: number, ...states: WireState[]]
type Reply = readonly [now: number, unreadable: number, error: string, ...replies: Told[]]

let commands = 0
