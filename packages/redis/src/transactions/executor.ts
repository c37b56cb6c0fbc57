import { type Charge, type Clock, type ConsumeOptions, type Outcome, SluiceError, systemClock } from '@sluice/core'
import { afterTurn, beginCommand, outdatedGeneration, readLeases } from '@sluice/core/store-kit'
import type { RedisClient } from '../client/connect.ts'
import { refreshSlots } from '../client/refresh-slots.ts'
import { answerOf, isSlotMoving, nextCommand, RedisStoreError } from '../errors.ts'
import {
  type Executor,
  keysOf,
  MAX_CHARGES,
  MAX_DECISIONS,
  newHolder,
  type Operation,
  type Places,
  rejectAll,
  type ReportAnomaly,
  reportLost,
  type Settleable,
} from '../executor.ts'
import type { Generations } from '../generations.ts'
import { isSet } from '../state/codec.ts'
import { setQueriesOf } from '../state/holder-sets.ts'
import { type Address, openSession, type Session } from './session.ts'
import { StagedWrites, type TransactionAnswer } from './staged-writes.ts'

/** How many lost races end a batch. Nothing was charged then. */
const MAX_RACES = 64
/** ms that a decision may take, with the time it waits behind other batches. Nothing was charged then. */
const MAX_WAIT = 1_000
/** ms before the next attempt, at most. The pause is random, so that processes that raced do not race again. */
const MAX_PAUSE = 16
/** Errors of a cluster whose slots move. Nothing has run, and the same commands run on another server. */
const REDIRECTED = /^(MOVED|ASK|CLUSTERDOWN)\b/
const ASK = /^ASK \d+ (.*):(\d+)$/

interface Waiting extends Settleable {
  /** ms, monotonic. */
  readonly since: number
}

/** Why a batch must be run again. Nothing has run. */
interface Retry {
  readonly reason: string
  /** The server that an ASK names: it serves the slot for the next attempt only. */
  readonly askAddress: Address | undefined
}

/**
 * Decides without scripts, for servers that forbid them. A batch watches and reads its states, decides them with core's own step, and
 * writes them unless they have changed (WATCH, MULTI, EXEC). That takes two round trips, and a lost race is run again. One batch runs at a
 * time, in the order of the calls.
 */
export class TransactionExecutor implements Executor {
  private readonly client: RedisClient
  private readonly shard: string
  private readonly clock: Clock | undefined
  private readonly generations: Generations
  private readonly report: ReportAnomaly
  private waiting: Waiting[] = []
  private session: Session | undefined
  /** The connection to the server to which the slot is being moved. */
  private askSession: { readonly name: string; readonly session: Session } | undefined
  private running: Promise<void> | undefined

  constructor(client: RedisClient, shard: string, clock: Clock | undefined, generations: Generations, report: ReportAnomaly) {
    this.client = client
    this.shard = shard
    this.clock = clock
    this.generations = generations
    this.report = report
  }

  decide(
    charges: readonly Charge[],
    { keys, placements, blockKeys }: Places,
    how: Operation,
    options: ConsumeOptions,
  ): Promise<readonly (Outcome | undefined)[]> {
    if (charges.length === 0) return Promise.resolve([])
    const holder = newHolder(charges)
    return new Promise((resolve, reject) => {
      // At the end of the turn, so that requests which arrived together share a transaction.
      if (this.waiting.length === 0) afterTurn(() => void this.start())
      this.waiting.push({
        ...readLeases(charges, how, options),
        keys,
        placements,
        blockKeys,
        how,
        options,
        holder,
        since: systemClock.monotonic(),
        resolve,
        reject,
      })
    })
  }

  async close(): Promise<void> {
    while (this.waiting.length > 0 || this.running !== undefined) await this.start()
    this.closeSessions()
  }

  private start(): Promise<void> {
    this.running ??= this.runAll().finally(() => (this.running = undefined))
    return this.running
  }

  private async runAll(): Promise<void> {
    while (this.waiting.length > 0) {
      await this.generations.check()
      const batch = this.nextBatch().filter((decision) => !this.refuseOutdated(decision))
      if (batch.length > 0) await this.run(batch)
    }
  }

  private refuseOutdated(decision: Waiting): boolean {
    const isOutdated = this.generations.areOutdated(decision.charges)
    if (isOutdated) decision.reject(outdatedGeneration())
    return isOutdated
  }

  /** Takes the next decisions to run. Decisions that have waited too long are rejected. */
  private nextBatch(): readonly Waiting[] {
    const batch: Waiting[] = []
    const late: Waiting[] = []
    let charges = 0
    while (this.waiting[0] !== undefined && batch.length < MAX_DECISIONS) {
      const [decision] = this.waiting
      charges += decision.charges.length
      if (batch.length > 0 && charges > MAX_CHARGES) break
      this.waiting.shift()
      if (systemClock.monotonic() - decision.since > MAX_WAIT) late.push(decision)
      else batch.push(decision)
    }
    if (late.length > 0) this.fail(late, new Error(`waited longer than ${MAX_WAIT} ms behind other transactions`), false, nextCommand())
    return batch
  }

  private async run(batch: readonly Waiting[]): Promise<void> {
    const command = nextCommand()
    const deadline = systemClock.monotonic() + MAX_WAIT
    const ended = beginCommand('redis', this.shard, batch.length)
    let askAddress: Address | undefined
    for (let attempts = 1; ; attempts++) {
      const retry = await this.attempt(batch, command, askAddress, ended)
      if (retry === undefined) return
      // Valid only for the attempt that follows the ASK, and only for its batch. Keys of other batches would be absent on that server.
      askAddress = retry.askAddress
      if (attempts === MAX_RACES || systemClock.monotonic() > deadline) {
        ended?.(false)
        this.fail(batch, new Error(`${retry.reason} in ${attempts} tries; nothing was charged`), false, command)
        return
      }
      await pause(Math.random() * Math.min(MAX_PAUSE, 2 ** attempts / 4))
    }
  }

  /** Runs the batch once. Returns `undefined` when every decision has been answered. */
  private async attempt(
    batch: readonly Waiting[],
    command: number,
    askAddress: Address | undefined,
    ended: ReturnType<typeof beginCommand>,
  ): Promise<Retry | undefined> {
    let isSent = false
    try {
      const session = await this.open(askAddress)
      const keys = [...keysOf(batch).keys()]
      const { now, values } = await session.watch(keys)
      const time = this.clock === undefined ? now : Math.round(this.clock.now() * 1000)
      const sets = await session.readSets(
        setQueriesOf(
          batch.filter(({ how }) => how !== 'block'),
          ({ limit }) => isSet(limit),
        ),
        time,
      )
      const staged = new StagedWrites(keys, values, sets, time, this.clock !== undefined)
      const answers = batch.map((decision) => staged.decide(decision))
      const writes = staged.writes()
      if (writes.length > 0) {
        if (!session.isOpen) throw new Error('the connection was lost')
        isSent = true
        if (!(await session.commit(writes))) return { reason: 'lost the race for its keys', askAddress: undefined }
      }
      ended?.(true)
      reportLost(this.report, staged.unreadable, staged.dropped)
      for (const [i, answer] of answers.entries()) settle(batch[i] as Waiting, answer)
      return undefined
    } catch (thrown) {
      const retry = await this.recover(thrown, isSent, batch, command)
      if (retry === undefined) ended?.(false)
      return retry
    }
  }

  private async recover(thrown: unknown, isSent: boolean, batch: readonly Waiting[], command: number): Promise<Retry | undefined> {
    const cause = causeOf(thrown)
    if (isReply(cause) && REDIRECTED.test(cause.message)) {
      return { reason: `Redis answered ${cause.message}`, askAddress: await this.followRedirect(cause.message) }
    }
    if (isSlotMoving(cause) && batch.length > 1) {
      // Some keys have moved and some have not. The keys of one decision may all be on the same server.
      for (const decision of batch) await this.run([decision])
      return undefined
    }
    // An error that the server returned means that nothing was written. Without an answer to EXEC that is unknown.
    const unknown = isSent && !isReply(cause)
    this.fail(batch, cause, unknown, command)
    if (isReply(cause) && answerOf(cause.message) !== 'readonly') return undefined
    this.closeSessions()
    void refreshSlots(this.client)
    // The connection is gone, so decisions that wait for it could only wait longer.
    this.fail(this.waiting.splice(0), cause, false, command)
    return undefined
  }

  private async open(askAddress: Address | undefined): Promise<Session> {
    if (askAddress === undefined) {
      if (this.session?.isOpen !== true) this.session = await openSession(this.client, this.shard)
      return this.session
    }
    if (this.askSession?.session.isOpen !== true || this.askSession.name !== nameOf(askAddress)) {
      this.askSession?.session.close()
      this.askSession = { name: nameOf(askAddress), session: await openSession(this.client, this.shard, askAddress) }
    }
    return this.askSession.session
  }

  /** Returns the server that an ASK names. After another redirect, the next session connects to the slot's new server. */
  private async followRedirect(message: string): Promise<Address | undefined> {
    const [, host, port] = ASK.exec(message) ?? []
    if (host !== undefined) return { host, port: Number(port) }
    this.closeSessions()
    await refreshSlots(this.client)
    return undefined
  }

  private closeSessions(): void {
    this.session?.close()
    this.askSession?.session.close()
    this.session = undefined
    this.askSession = undefined
  }

  private fail(batch: readonly Waiting[], cause: unknown, unknown: boolean, command: number): void {
    rejectAll(batch, new RedisStoreError(cause, this.shard, command, unknown))
  }
}

/** @throws ERR_OPTION_INVALID for a client that cannot open a second connection in the way of ioredis */
export function requireDuplicate(client: RedisClient): void {
  const { duplicate, nodes } = client as { readonly duplicate?: unknown; readonly nodes?: unknown }
  if (typeof (client.isCluster === true ? nodes : duplicate) === 'function') return
  throw new SluiceError(
    'ERR_OPTION_INVALID',
    'redisStore: scripting: false: expected { url }, { cluster }, { sentinels, name } or a client of ioredis or iovalkey, which opens a connection for WATCH, got another client; pass one of them, or remove scripting: false',
  )
}

function settle(decision: Waiting, answer: TransactionAnswer): void {
  if ('error' in answer) decision.reject(answer.error)
  else decision.resolve(answer.outcomes)
}

/** The first error inside a transaction, instead of the EXECABORT that follows from it. */
function causeOf(thrown: unknown): unknown {
  return (thrown as { readonly previousErrors?: readonly unknown[] }).previousErrors?.[0] ?? thrown
}

/** Whether the server returned the error. */
function isReply(cause: unknown): cause is Error {
  return cause instanceof Error && cause.name === 'ReplyError'
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.after(ms, resolve))
}

function nameOf({ host, port }: Address): string {
  return `${host}:${port}`
}
