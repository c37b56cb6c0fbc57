import { type Charge, type Clock, type ConsumeOptions, type Outcome, systemClock } from '@sluice/core'
import { decide } from '@sluice/core/algorithms'
import { afterTurn, beginCommand, blockAnswers, decideWithLeases, readLeases } from '@sluice/core/store-kit'
import { type Connection, within } from '../client/connect.ts'
import { refreshSlots } from '../client/refresh-slots.ts'
import { isSlotMoving, nextCommand, notReady, RedisStoreError } from '../errors.ts'
import {
  type DecisionListener,
  type Executor,
  keyCountOf,
  newHolder,
  type Operation,
  type Places,
  rejectAll,
  type ReportAnomaly,
  reportLost,
  stateIdsOf,
} from '../executor.ts'
import type { Generations } from '../generations.ts'
import { blockedOutcomes } from '../state/blocks.ts'
import { inBatches, splitByPath, type Waiting } from './batches.ts'
import { encodeFast, type FastAnswer, FastReader, isFast } from './fast-codec.ts'
import { decodeFull, encodeFull, type FullAnswer, type FullReply } from './full-codec.ts'
import { type Message, run, script, type Script } from './script.ts'
import { CLOCK, FAST, FULL, PACKED, TEST_CLOCK } from './scripts.gen.ts'

const scriptsOn = (clock: string) => ({ fast: script(clock, FAST), packed: script(clock, PACKED), full: script(clock, FULL) })
const SCRIPTS = scriptsOn(CLOCK)
const TEST_SCRIPTS = scriptsOn(TEST_CLOCK)

/**
 * The most commands in flight. Further decisions gather here, because they would only wait in the server's queue, in smaller commands. So
 * commands grow with the load.
 */
const MAX_IN_FLIGHT = 8
/** How often a decision is sent, at most, while its calendar windows do not match the server's time or its slot is being moved. */
const MAX_ATTEMPTS = 4
/** ms within which the nodes of a cluster agree on where a slot is. */
const SLOT_PAUSE = 20

const FAST_OPTIONS = Object.freeze({ source: 'redis' })

interface Settings {
  readonly clock: Clock | undefined
  /** Whether the store packs states. */
  readonly isPacking: boolean
  readonly generations: Generations
  readonly listener: DecisionListener | undefined
}

type Reply = readonly [
  now: number | Buffer,
  unreadable: number | Buffer,
  dropped: number | Buffer,
  error: Buffer,
  ...answers: (FullReply | Buffer)[],
]

/** Decides by scripts. All decisions of one turn of the event loop leave together, in the order of the calls. */
export class Batcher implements Executor {
  private readonly connection: Connection
  private readonly shard: string
  private readonly settings: Settings
  private readonly report: ReportAnomaly
  private readonly inFlight = new Set<Promise<void>>()
  private waiting: Waiting[] = []
  /** Whether `waiting` should have been sent, but too many commands were in flight. */
  private isHeldBack = false
  /** ms that the server's clock is ahead of this process's, by the last reply. Calendar windows are computed for the server's time. */
  private clockOffset = 0

  constructor(connection: Connection, shard: string, settings: Settings, report: ReportAnomaly) {
    this.connection = connection
    this.shard = shard
    this.settings = settings
    this.report = report
  }

  decide(charges: readonly Charge[], places: Places, how: Operation, options: ConsumeOptions): Promise<readonly (Outcome | undefined)[]> {
    const { charges: bare, leases } = readLeases(charges, how, options)
    const holder = newHolder(charges)
    const { keys, placements, blockKeys } = places
    const fast = isFast(bare, places, leases, how, options)
    return new Promise((resolve, reject) => {
      this.enqueue({ charges: bare, leases, keys, placements, blockKeys, how, options, holder, isFast: fast, attempt: 1, resolve, reject })
    })
  }

  async close(): Promise<void> {
    while (this.waiting.length + this.inFlight.size > 0) {
      this.flush()
      await Promise.all(this.inFlight)
    }
  }

  private enqueue(decision: Waiting): void {
    // At the end of the turn, so that requests which arrived together leave together.
    if (this.waiting.length === 0) afterTurn(() => this.flush())
    this.waiting.push(decision)
  }

  private flush(): void {
    this.isHeldBack = this.inFlight.size >= MAX_IN_FLIGHT
    if (this.isHeldBack) return
    const { waiting } = this
    this.waiting = []
    if (waiting.every(({ isFast: fast }) => fast)) {
      this.dispatchAll(waiting)
      return
    }
    const [fast, full] = splitByPath(waiting)
    this.dispatchAll(fast)
    this.dispatchAll(full)
  }

  private dispatchAll(decisions: readonly Waiting[]): void {
    for (const batch of inBatches(decisions)) this.dispatch(batch)
  }

  private dispatch(batch: readonly Waiting[]): void {
    const sending = this.send(batch).finally(() => {
      this.inFlight.delete(sending)
      if (!this.isHeldBack) return
      this.isHeldBack = false
      afterTurn(() => this.flush())
    })
    this.inFlight.add(sending)
  }

  private async send(batch: readonly Waiting[]): Promise<void> {
    const command = nextCommand()
    const { client, timeout } = this.connection
    const fast = batch[0]?.isFast === true
    let message: Message
    try {
      message = this.encode(batch, fast)
    } catch (error) {
      // One decision cannot be encoded. The others are sent without it.
      if (batch.length > 1) for (const decision of batch) this.dispatch([decision])
      else batch[0]?.reject(error)
      return
    }
    // A client with an offline queue would otherwise send the charges later, when it is connected again, for requests that have gone.
    if (client.status !== 'ready') {
      rejectAll(batch, notReady(client.status, this.shard, command))
      return
    }
    const ended = beginCommand('redis', this.shard, batch.length)
    try {
      const check = this.settings.generations.check()
      const reply = (await within(run(client, this.scriptFor(fast), message), timeout)) as Reply
      // The script names the error that ended it before all decisions were made.
      ended?.(reply[3].length === 0)
      // The answer counts only if the generations of its charges have not ended.
      if (check !== undefined) await check
      this.receive(batch, fast, reply, command)
    } catch (cause) {
      ended?.(false)
      if (!isSlotMoving(cause) || !(await this.sendSingly(batch))) this.fail(batch, new RedisStoreError(cause, this.shard, command))
    }
  }

  private encode(batch: readonly Waiting[], fast: boolean): Message {
    const { clock, isPacking } = this.settings
    const message = fast ? encodeFast(batch, isPacking) : encodeFull(batch, clock?.now() ?? systemClock.now() + this.clockOffset, isPacking)
    // A clock for tests runs other scripts, which take the time as a second argument.
    return clock === undefined ? message : { ...message, args: [...message.args, String(Math.round(clock.now() * 1000))] }
  }

  private scriptFor(fast: boolean): Script {
    const { clock, isPacking } = this.settings
    const scripts = clock === undefined ? SCRIPTS : TEST_SCRIPTS
    return fast ? (isPacking ? scripts.packed : scripts.fast) : scripts.full
  }

  /**
   * Sends each decision alone, after the batch was redirected while its slot is being moved. Returns `false` for a decision over several
   * keys, which the store decides key by key.
   */
  private async sendSingly(batch: readonly Waiting[]): Promise<boolean> {
    const [first] = batch
    if (first === undefined) return true
    if (batch.length === 1) {
      if (keyCountOf(first) > 1 || first.attempt === MAX_ATTEMPTS) return false
      await new Promise<void>((resolve) => void systemClock.after(SLOT_PAUSE, resolve))
    }
    for (const decision of batch) this.dispatch([{ ...decision, attempt: decision.attempt + (batch.length === 1 ? 1 : 0) }])
    return true
  }

  private receive(
    batch: readonly Waiting[],
    fast: boolean,
    [micros, unreadable, dropped, error, ...answers]: Reply,
    command: number,
  ): void {
    // The client may be set to return numbers as text.
    const now = Number(micros)
    this.clockOffset = now / 1000 - systemClock.now()
    reportLost(this.report, Number(unreadable), Number(dropped))
    const reader = fast ? new FastReader(answers[0] as Buffer) : undefined
    for (const [i, decision] of batch.entries()) {
      const answer = reader === undefined ? fullAnswerOf(decision, answers[i]) : reader.next(decision, now)
      if (answer === undefined) {
        this.fail(batch.slice(i), new RedisStoreError(error.toString(), this.shard, command, false))
        return
      }
      try {
        this.settle(decision, answer, now, command)
      } catch (cause) {
        this.reject(decision, cause)
      }
    }
  }

  private settle(decision: Waiting, answer: FastAnswer | FullAnswer, now: number, command: number): void {
    if (answer === 'wrong-calendar') {
      if (decision.attempt === MAX_ATTEMPTS)
        throw new RedisStoreError("no calendar window could be computed for the server's time", this.shard, command, false)
      this.enqueue({ ...decision, attempt: decision.attempt + 1 })
      return
    }
    this.settings.generations.requireCurrent(decision.charges)
    if ('failure' in answer) throw new RedisStoreError(answer.failure, this.shard, command, false)
    if ('blockedUntil' in answer) {
      const { charges, options, how } = decision
      const { blockedUntil } = answer
      const outcomes = how === 'block' ? blockAnswers(blockedUntil, now, 'redis') : blockedOutcomes(charges, options, blockedUntil, now)
      // An empty list would admit the request.
      if (outcomes === undefined) throw this.disagreement(decision, false, command)
      this.resolve(decision, outcomes)
      return
    }
    this.resolveChecked(decision, answer.isAllowed, outcomesOf(decision, answer, now), command)
  }

  /** Resolves to what core decides from the states in the reply, if core's verdict is the script's. */
  private resolveChecked(decision: Waiting, isAllowed: boolean, outcomes: readonly Outcome[], command: number): void {
    if (outcomes.every(({ allowed }) => allowed) !== isAllowed) throw this.disagreement(decision, isAllowed, command)
    this.resolve(decision, outcomes)
  }

  private resolve(decision: Waiting, outcomes: readonly (Outcome | undefined)[]): void {
    if (changesCounts(decision)) this.settings.listener?.(decision.charges, outcomes)
    decision.resolve(outcomes)
  }

  /** Rejects a decision that was sent. */
  private reject(decision: Waiting, error: unknown): void {
    if (changesCounts(decision)) this.settings.listener?.(decision.charges, undefined)
    decision.reject(error)
  }

  /** Reports that the verdict of the script is not core's, and returns the error for it. */
  private disagreement({ charges }: Waiting, isAllowed: boolean, command: number): RedisStoreError {
    // The message has no subjects: they must not appear in a log.
    const scopes = [...new Set(charges.map(({ scope }) => scope))].join(', ')
    const message = `Redis ${isAllowed ? 'admitted' : 'refused'} a decision that Sluice would have ${isAllowed ? 'refused' : 'admitted'}: ${scopes}`
    this.report('ANOMALY_VERDICT', message)
    return new RedisStoreError(message, this.shard, command)
  }

  private fail(batch: readonly Waiting[], error: RedisStoreError): void {
    const { client } = this.connection
    // A demoted primary keeps its connections: only a new connection finds the new primary.
    if (error.answer === 'readonly' && client.status === 'ready') client.disconnect(true)
    if (error.answer === undefined && client.isCluster === true) void refreshSlots(client)
    for (const decision of batch) this.reject(decision, error)
  }
}

function changesCounts({ how }: Waiting): boolean {
  return how !== 'peek' && how !== 'reset' && how !== 'block'
}

function fullAnswerOf(decision: Waiting, answer: FullReply | Buffer | undefined): FullAnswer | undefined {
  return answer === undefined ? undefined : decodeFull(decision, answer as FullReply)
}

type Verdict = Extract<FastAnswer | FullAnswer, { readonly isAllowed: boolean }>

/** The states of a decision on the fast path are all different. */
const DISTINCT = [0, 1, 2, 3, 4, 5, 6, 7]

function outcomesOf(decision: Waiting, answer: Verdict, now: number): readonly Outcome[] {
  const { charges, options, holder } = decision
  if (!('ledgers' in answer)) return decide(charges, DISTINCT, answer.states, now, FAST_OPTIONS).outcomes
  const stepOptions = { ...options, source: 'redis', holder: holder === '' ? undefined : holder }
  return decideWithLeases(decision, stateIdsOf(decision), answer.states, answer.ledgers, now, stepOptions).outcomes
}
