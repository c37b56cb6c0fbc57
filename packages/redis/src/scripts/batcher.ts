import { type Charge, type Clock, type ConsumeOptions, type Outcome, systemClock } from '@sluice/core'
import { decide } from '@sluice/core/algorithms'
import { afterTurn } from '@sluice/core/store-kit'
import { type Connection, within } from '../client/connect.ts'
import { decideLeasing, unwrap } from '../state/leases.ts'
import { encodePlain, isPlain, PlainReader, type Told as PlainTold } from './fast-codec.ts'
import { run, type Script } from './script.ts'
import { isSlotMoving, nextCommand, RedisStoreError } from '../errors.ts'
import {
  decodeLedgers,
  decodeStates,
  encodeBatch,
  type IsPacked,
  type Message,
  newHolder,
  sizeOf,
  type WireDecision,
  type WireState,
} from './full-codec.ts'

/** A batch is bounded, or it holds up the server for everybody else. */
const MOST_DECISIONS = 64
export const MOST_CHARGES = 192
const MOST_BYTES = 32_768
/**
 * Batches that are on their way when more has to wait for one of them, and then leaves all at once. They would wait in the
 * server's queue, one turn's decision or two in each; so batches grow with the load, as far as the server needs it.
 */
const MOST_UNDER_WAY = 8
/** A calendar window that was computed for another time than the server's is computed again for that. */
const MOST_ASKED = 4
/** ms in which the nodes of a cluster agree where a slot is. */
const MOVING_PAUSE = 20

// What the script says of one decision.
const ALLOWED = 1
const ANOTHER_TIME = -1
const FAILED = -2

/** Tells what should not happen: a state of somebody else's, or that Lua and TypeScript disagree. */
export type Tell = (code: 'ANOMALY_STATE_UNREADABLE' | 'ANOMALY_VERDICT', message: string) => void

/** Of a plain decision nothing else is asked. */
const PLAIN = Object.freeze({ source: 'redis' })

/** The one for plain decisions, the same for a store that packs, and the one for all others. */
export interface Scripts {
  readonly plain: Script
  readonly packed: Script
  readonly batch: Script
}

interface Setting {
  readonly clock: Clock | undefined
  readonly isPacked: IsPacked
}

interface Waiting extends WireDecision {
  readonly isPlain: boolean
  readonly asked: number
  resolve(outcomes: readonly Outcome[]): void
  reject(error: unknown): void
}

/** What one unit of the topology (a server, a cluster slot) is asked in one turn of the event loop, in the order it was asked. */
export class Batcher {
  private readonly connection: Connection
  private readonly scripts: Scripts
  private readonly shard: string
  private readonly setting: Setting
  private readonly tell: Tell
  private readonly sent = new Set<Promise<void>>()
  private waiting: Waiting[] = []
  /** What waits was to leave, and had to wait for a batch to come back. */
  private isHeld = false
  /** ms that the server's clock is ahead of this process's, as far as it was told: for which time calendar windows are computed. */
  private ahead = 0

  constructor(connection: Connection, scripts: Scripts, shard: string, setting: Setting, tell: Tell) {
    this.connection = connection
    this.scripts = scripts
    this.shard = shard
    this.setting = setting
    this.tell = tell
  }

  add(charges: readonly Charge[], keys: readonly string[], how: WireDecision['how'], options: ConsumeOptions): Promise<readonly Outcome[]> {
    const { charges: bare, leases } = unwrap(charges, how, options)
    const holder = newHolder(charges)
    const plain = isPlain(bare, keys, leases, how, options) && !isMixed(bare, this.setting.isPacked)
    return new Promise((resolve, reject) => {
      this.enqueue({ charges: bare, leases, keys, how, options, holder, isPlain: plain, asked: 1, resolve, reject })
    })
  }

  /** Resolves when all that was asked has been answered. */
  async idle(): Promise<void> {
    while (this.waiting.length + this.sent.size > 0) {
      this.flush()
      await Promise.all(this.sent)
    }
  }

  private enqueue(decision: Waiting): void {
    // At the end of this turn, not of this call: requests that arrived together leave together.
    if (this.waiting.length === 0) afterTurn(() => this.flush())
    this.waiting.push(decision)
  }

  private flush(): void {
    this.isHeld = this.sent.size >= MOST_UNDER_WAY
    if (this.isHeld) return
    const { waiting } = this
    this.waiting = []
    if (waiting.every(({ isPlain: plain }) => plain)) {
      this.part(waiting)
      return
    }
    const [plain, others] = parted(waiting)
    this.part(plain)
    this.part(others)
  }

  /** Sends in batches of bounded size, in order. */
  private part(decisions: readonly Waiting[]): void {
    let batch: Waiting[] = []
    let charges = 0
    let bytes = 0
    for (const decision of decisions) {
      const size = sizeOf(decision)
      const full = batch.length === MOST_DECISIONS || charges + decision.charges.length > MOST_CHARGES || bytes + size > MOST_BYTES
      if (full && batch.length > 0) {
        this.dispatch(batch)
        batch = []
        charges = 0
        bytes = 0
      }
      batch.push(decision)
      charges += decision.charges.length
      bytes += size
    }
    if (batch.length > 0) this.dispatch(batch)
  }

  private dispatch(batch: readonly Waiting[]): void {
    const sending = this.send(batch).finally(() => {
      this.sent.delete(sending)
      if (!this.isHeld) return
      this.isHeld = false
      afterTurn(() => this.flush())
    })
    this.sent.add(sending)
  }

  private async send(batch: readonly Waiting[]): Promise<void> {
    const command = nextCommand()
    const { client, timeout } = this.connection
    const plain = batch[0]?.isPlain === true
    const { isPacked } = this.setting
    let message: Message
    try {
      const { clock } = this.setting
      const now = clock === undefined ? -1 : Math.round(clock.now() * 1000)
      message = plain
        ? encodePlain(batch, now, isPacked)
        : encodeBatch(batch, now, now < 0 ? systemClock.now() + this.ahead : now / 1000, isPacked)
    } catch (error) {
      // One of them makes no sense: its neighbours do.
      if (batch.length > 1) for (const decision of batch) this.dispatch([decision])
      else batch[0]?.reject(error)
      return
    }
    // Else a client with an offline queue would send it when the connection is back: in another window, to nobody.
    if (client.status !== 'ready') {
      reject(batch, new RedisStoreError(`the connection is not ready (${client.status})`, this.shard, command, false))
      return
    }
    try {
      const { scripts } = this
      const script = plain ? (isPacked === undefined ? scripts.plain : scripts.packed) : scripts.batch
      const reply = (await within(run(client, script, message.keys, message.argument), timeout)) as Reply
      this.receive(batch, plain, reply, command)
    } catch (cause) {
      if (!isSlotMoving(cause) || !(await this.apart(batch))) this.fail(batch, new RedisStoreError(cause, this.shard, command))
    }
  }

  /** Sends again what was only sent elsewhere, each decision alone. Several keys of one are the store's to take apart. */
  private async apart(batch: readonly Waiting[]): Promise<boolean> {
    const [first] = batch
    if (first === undefined) return true
    if (batch.length === 1) {
      if (new Set(first.keys).size > 1 || first.asked === MOST_ASKED) return false
      await new Promise<void>((resolve) => void systemClock.after(MOVING_PAUSE, resolve))
    }
    for (const decision of batch) this.dispatch([{ ...decision, asked: decision.asked + (batch.length === 1 ? 1 : 0) }])
    return true
  }

  private receive(batch: readonly Waiting[], plain: boolean, [micros, unreadable, error, ...told]: Reply, command: number): void {
    // As numbers: a client may be set to give all of them as text.
    const now = Number(micros)
    this.ahead = now / 1000 - systemClock.now()
    if (Number(unreadable) > 0) this.tell('ANOMALY_STATE_UNREADABLE', `${Number(unreadable)} states could not be read and count as absent`)
    const reader = plain ? new PlainReader(told[0] as Buffer) : undefined
    for (const [i, decision] of batch.entries()) {
      const its = reader === undefined ? (told[i] as Told | undefined) : reader.next(decision.charges)
      if (its === undefined) {
        this.fail(batch.slice(i), new RedisStoreError(error.toString(), this.shard, command, false))
        return
      }
      try {
        if (Array.isArray(its)) this.settle(decision, its as Told, now, command)
        else this.settlePlain(decision, its as PlainTold, now, command)
      } catch (cause) {
        decision.reject(cause)
      }
    }
  }

  private settlePlain(decision: Waiting, told: PlainTold, now: number, command: number): void {
    if ('why' in told) throw new RedisStoreError(told.why, this.shard, command, false)
    const { charges, keys } = decision
    this.resolve(decision, told.isAllowed, decide(charges, keys, told.states, now, PLAIN).outcomes, command)
  }

  private settle(decision: Waiting, [answer, ...states]: Told, now: number, command: number): void {
    const { charges, how, options, holder, asked } = decision
    const verdict = Number(answer)
    if (verdict === FAILED) throw new RedisStoreError(String(states[0]), this.shard, command, false)
    if (verdict === ANOTHER_TIME) {
      if (asked === MOST_ASKED)
        throw new RedisStoreError('no calendar window could be computed for the time of the server', this.shard, command, false)
      this.enqueue({ ...decision, asked: asked + 1 })
      return
    }
    if (how === 'reset') {
      decision.resolve([])
      return
    }
    const told = { ...options, source: 'redis', holder: holder === '' ? undefined : holder }
    const { outcomes } = decideLeasing(decision, decodeStates(charges, states), decodeLedgers(decision, states), now, told)
    this.resolve(decision, verdict === ALLOWED, outcomes, command)
  }

  /** What core says of the states that Redis met, if its verdict is Redis's own. */
  private resolve(decision: Waiting, isAllowed: boolean, outcomes: readonly Outcome[], command: number): void {
    if (outcomes.every(({ allowed }) => allowed) !== isAllowed) {
      // By their scopes: subjects are not for logs.
      const message = `Redis ${isAllowed ? 'admitted' : 'refused'} what Sluice would not: ${[...new Set(decision.charges.map(({ scope }) => scope))].join(', ')}`
      this.tell('ANOMALY_VERDICT', message)
      throw new RedisStoreError(message, this.shard, command)
    }
    decision.resolve(outcomes)
  }

  private fail(batch: readonly Waiting[], error: RedisStoreError): void {
    const { client } = this.connection
    // A demoted primary keeps its connections: only a new one finds the new primary.
    if (error.answer === 'readonly' && client.status === 'ready') client.disconnect(true)
    reject(batch, error)
  }
}

function reject(batch: readonly Waiting[], error: RedisStoreError): void {
  for (const decision of batch) decision.reject(error)
}

/** Some of its states packed, others not: their commands are others, and one of those may be denied when another was done. */
function isMixed(charges: readonly Charge[], isPacked: IsPacked): boolean {
  if (isPacked === undefined || charges.length < 2) return false
  const packed = charges.filter(({ limit }) => isPacked(limit)).length
  return packed > 0 && packed < charges.length
}

/**
 * The plain ones, and the others: those that share a key with one of them are among these, so that the two are kept in order
 * whichever is decided first.
 */
function parted(waiting: readonly Waiting[]): readonly [plain: readonly Waiting[], others: readonly Waiting[]] {
  const keys = new Set(waiting.filter(({ isPlain: plain }) => !plain).flatMap((decision) => decision.keys))
  const plain: Waiting[] = []
  const others: Waiting[] = []
  for (const decision of waiting) {
    if (decision.isPlain && !decision.keys.some((key) => keys.has(key))) {
      plain.push(decision)
      continue
    }
    others.push({ ...decision, isPlain: false })
    for (const key of decision.keys) keys.add(key)
  }
  return [plain, others]
}

type Told = readonly [verdict: number | Buffer, ...states: WireState[]]
type Reply = readonly [now: number | Buffer, unreadable: number | Buffer, error: Buffer, ...told: (Told | Buffer)[]]
