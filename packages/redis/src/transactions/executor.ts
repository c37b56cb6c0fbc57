import { type Charge, type Clock, type ConsumeOptions, type Outcome, SluiceError, systemClock } from '@sluice/core'
import { afterTurn } from '@sluice/core/store-kit'
import type { Tell } from '../scripts/batcher.ts'
import type { RedisClient } from '../client/connect.ts'
import { unwrap } from '../state/leases.ts'
import { answerOf, isSlotMoving, nextCommand, RedisStoreError } from '../errors.ts'
import { type Answer, Draft } from './staged-writes.ts'
import { type Address, openSession, refreshSlots, type Session } from './session.ts'
import { keysOf, newHolder, type WireDecision } from '../scripts/full-codec.ts'

// For servers that forbid scripts: states are watched, read, decided here by core's own steps, and written if nothing has
// changed meanwhile (WATCH, MULTI, EXEC). Two round trips a decision in place of one, and a lost race is run again.

/** As for scripts: what is written at once is bounded. */
const MOST_DECISIONS = 64
const MOST_CHARGES = 192
/** Races that a batch may lose, and ms that a decision may take in all; then it is given up, and nothing was charged. */
const MOST_RACES = 64
const PATIENCE = 1_000
/** ms, at most, before the next try: those who lost to each other must not meet again. */
const LONGEST_PAUSE = 16
/** Told by a cluster whose slots move: nothing has run, and asked again, there, it will. */
const ELSEWHERE = /^(MOVED|ASK|CLUSTERDOWN)\b/
const ASK = /^ASK \d+ (.*):(\d+)$/

interface Waiting extends WireDecision {
  /** ms, monotonic. */
  readonly since: number
  resolve(outcomes: readonly Outcome[]): void
  reject(error: unknown): void
}

/** Why a batch must be tried again, nothing having run; and where, if not where it was. */
interface Again {
  readonly since: string
  readonly asked: Address | undefined
}

/** The decisions on one server (or one cluster slot), a batch at a time, in the order they were issued. */
export class Transactions {
  private readonly client: RedisClient
  private readonly shard: string
  private readonly clock: Clock | undefined
  private readonly tell: Tell
  private waiting: Waiting[] = []
  private session: Session | undefined
  /** The connection to the server that the slot is moving to, while it does. */
  private detour: { readonly name: string; readonly session: Session } | undefined
  private running: Promise<void> | undefined

  constructor(client: RedisClient, shard: string, clock: Clock | undefined, tell: Tell) {
    this.client = client
    this.shard = shard
    this.clock = clock
    this.tell = tell
  }

  add(charges: readonly Charge[], keys: readonly string[], how: WireDecision['how'], options: ConsumeOptions): Promise<readonly Outcome[]> {
    if (charges.length === 0) return Promise.resolve([])
    const holder = newHolder(charges)
    return new Promise((resolve, reject) => {
      // At the end of this turn, not of this call: requests that arrived together share a transaction.
      if (this.waiting.length === 0) afterTurn(() => void this.start())
      this.waiting.push({ ...unwrap(charges, how, options), keys, how, options, holder, since: systemClock.monotonic(), resolve, reject })
    })
  }

  /** Resolves when all that was asked has been answered, and the connection is closed. */
  async close(): Promise<void> {
    while (this.waiting.length > 0 || this.running !== undefined) await this.start()
    this.drop()
  }

  private start(): Promise<void> {
    this.running ??= this.run().finally(() => (this.running = undefined))
    return this.running
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.next()
      if (batch.length > 0) await this.attempt(batch)
    }
  }

  /** The decisions to run next; those that waited too long are given up. */
  private next(): readonly Waiting[] {
    const batch: Waiting[] = []
    const late: Waiting[] = []
    let charges = 0
    while (this.waiting[0] !== undefined && batch.length < MOST_DECISIONS) {
      const [decision] = this.waiting
      charges += decision.charges.length
      if (batch.length > 0 && charges > MOST_CHARGES) break
      this.waiting.shift()
      if (systemClock.monotonic() - decision.since > PATIENCE) late.push(decision)
      else batch.push(decision)
    }
    if (late.length > 0) this.fail(late, new Error(`waited longer than ${PATIENCE} ms behind other transactions`), false, nextCommand())
    return batch
  }

  private async attempt(batch: readonly Waiting[]): Promise<void> {
    const command = nextCommand()
    const deadline = systemClock.monotonic() + PATIENCE
    let asked: Address | undefined
    for (let races = 1; ; races++) {
      const again = await this.try(batch, command, asked)
      if (again === undefined) return
      // Only straight after an ASK, and only for what was answered with it: to others, their keys would be absent there.
      asked = again.asked
      if (races === MOST_RACES || systemClock.monotonic() > deadline) {
        this.fail(batch, new Error(`${again.since} in ${races} tries; nothing was charged`), false, command)
        return
      }
      await pause(Math.random() * Math.min(LONGEST_PAUSE, 2 ** races / 4))
    }
  }

  /** One try: `undefined` when every decision has been answered, else why it must be tried again. Then nothing has run. */
  private async try(batch: readonly Waiting[], command: number, asked: Address | undefined): Promise<Again | undefined> {
    let isSent = false
    try {
      const session = await this.open(asked)
      const draft = new Draft([...keysOf(batch).keys()])
      const look = await session.look(draft.keys)
      draft.begin(look.values, this.clock === undefined ? look.now : Math.round(this.clock.now() * 1000), this.clock !== undefined)
      const answers = batch.map((decision) => draft.answer(decision))
      const writes = draft.writes()
      if (writes.length > 0) {
        if (!session.isOpen) throw new Error('the connection was lost')
        isSent = true
        if (!(await session.commit(writes))) return { since: 'lost the race for its keys', asked: undefined }
      }
      if (draft.unreadable > 0) this.tell('ANOMALY_STATE_UNREADABLE', `${draft.unreadable} states could not be read and count as absent`)
      for (const [i, answer] of answers.entries()) settle(batch[i] as Waiting, answer)
      return undefined
    } catch (thrown) {
      return await this.caught(thrown, isSent, batch, command)
    }
  }

  private async caught(thrown: unknown, isSent: boolean, batch: readonly Waiting[], command: number): Promise<Again | undefined> {
    const cause = reasonOf(thrown)
    if (isReply(cause) && ELSEWHERE.test(cause.message)) {
      return { since: `Redis answered ${cause.message}`, asked: await this.turnTo(cause.message) }
    }
    if (isSlotMoving(cause) && batch.length > 1) {
      // Some keys have moved and some have not: each decision alone may find all of its own in one place.
      for (const decision of batch) await this.attempt([decision])
      return undefined
    }
    // An answer says that nothing was written; silence after EXEC says nothing.
    const unknown = isSent && !isReply(cause)
    this.fail(batch, cause, unknown, command)
    if (isReply(cause) && answerOf(cause.message) !== 'readonly') return undefined
    this.drop()
    void refreshSlots(this.client)
    // Whoever waits behind a connection that is gone would only wait longer.
    this.fail(this.waiting.splice(0), cause, false, command)
    return undefined
  }

  private async open(asked: Address | undefined): Promise<Session> {
    if (asked === undefined) {
      if (this.session?.isOpen !== true) this.session = await openSession(this.client, this.shard)
      return this.session
    }
    if (this.detour?.session.isOpen !== true || this.detour.name !== nameOf(asked)) {
      this.detour?.session.close()
      this.detour = { name: nameOf(asked), session: await openSession(this.client, this.shard, asked) }
    }
    return this.detour.session
  }

  /** Where the keys are, as the server told: on another that has the slot from now on, or on one that it is moving to. */
  private async turnTo(answer: string): Promise<Address | undefined> {
    const [, host, port] = ASK.exec(answer) ?? []
    if (host !== undefined) return { host, port: Number(port) }
    this.drop()
    await refreshSlots(this.client)
    return undefined
  }

  private drop(): void {
    this.session?.close()
    this.detour?.session.close()
    this.session = undefined
    this.detour = undefined
  }

  private fail(batch: readonly Waiting[], cause: unknown, unknown: boolean, command: number): void {
    const error = new RedisStoreError(cause, this.shard, command, unknown)
    for (const decision of batch) decision.reject(error)
  }
}

/** @throws ERR_OPTION_INVALID for a client that cannot open a connection like its own */
export function requireDuplicate(client: RedisClient): void {
  const { duplicate, nodes } = client as { readonly duplicate?: unknown; readonly nodes?: unknown }
  if (typeof (client.isCluster === true ? nodes : duplicate) === 'function') return
  throw new SluiceError('ERR_OPTION_INVALID', 'redisStore: scripting: false: expected an ioredis client, which can be duplicated')
}

function settle(decision: Waiting, answer: Answer): void {
  if ('error' in answer) decision.reject(answer.error)
  else decision.resolve(answer.outcomes)
}

/** Why a transaction was not queued, rather than that it was not. */
function reasonOf(thrown: unknown): unknown {
  return (thrown as { readonly previousErrors?: readonly unknown[] }).previousErrors?.[0] ?? thrown
}

/** An error that the server itself told. */
function isReply(cause: unknown): cause is Error {
  return cause instanceof Error && cause.name === 'ReplyError'
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.after(ms, resolve))
}

function nameOf({ host, port }: Address): string {
  return `${host}:${port}`
}
