import type { Clock, Limit, RegionsHealth } from '@sluice/core'
import { completeClock } from '@sluice/core/store-kit'
import type { REGION_CODES } from './codes.ts'
import { grouped } from './grouped.ts'
import { decodeMessage, encodeMessages, type RegionMessage } from './message.ts'
import type { CountRecord, NeedRecord, OfferRecord } from './record.ts'
import { regionId, type Regions } from './regions.ts'
import type { Terms } from './steps.ts'
import type { RegionStorage } from './storage.ts'
import { collectKeyOf, type ExchangedSubject, forcedKey, type Touched, TouchedKeys } from './touched-keys.ts'
import type { RegionEnvelope } from './transport.ts'
import { Urgency } from './urgency.ts'

/** ms after an urgent change. */
const SOON = 50
/** A fifth of the interval, so that processes do not exchange at the same time. */
const JITTER = 0.2
/** The most subjects of a call. */
const MAX_KEYS = 64
/** The most calls of the transport that may wait for an answer before the next exchange. */
const MAX_PUBLISHING = 64

/** What an exchange reports. Numbers only grow, except `lag` and `unpublished`. */
export interface ExchangeReport extends Pick<RegionsHealth, 'unpublished' | 'sent' | 'applied' | 'late' | 'over' | 'forgiven'> {
  /** By region, ms from the sending of its last message to its application. */
  readonly lag: ReadonlyMap<string, number>
  /** By region, when it sent that message: ms, by its clock. */
  readonly heardAt: ReadonlyMap<string, number>
}

export interface ExchangeParts {
  readonly regions: Regions
  readonly storage: RegionStorage
  readonly clock: Clock
  /** From 0 to 1. Default: `Math.random`. */
  readonly random?: () => number
  /** Takes what an operator should know: a message that cannot be read, or a region whose clock is wrong. */
  readonly anomaly?: (code: (typeof REGION_CODES)[number], detail: string) => void
  /** Takes the error of a call to the storage or the transport, which the exchange repeats. */
  readonly failed?: (error: unknown) => void
  /** Called after calls to both have succeeded. */
  readonly succeeded?: () => void
  /** Called with each message of another region, before it is applied. If it throws, the message is delivered again. */
  readonly heard?: (message: RegionMessage) => void
  /** Takes a record of mode `strict`. If it rejects, the message is delivered again. */
  readonly moved?: (record: NeedRecord | OfferRecord, from: string) => Promise<void>
  /** Hears of each limit that is exchanged, before its first decision is published, and sometimes again. */
  readonly known?: (target: { readonly scope: string; readonly limit: Limit }) => void
  /** The version in which messages are written. Default: that of this package. */
  readonly version?: () => number
}

/** What one process does for the exchange between regions: it publishes what it decided on, and applies what others send. */
export class Exchange {
  private readonly parts: ExchangeParts
  private readonly clock: Required<Clock>
  private readonly terms: Terms
  private readonly keys: TouchedKeys
  private readonly urgency = new Urgency()
  private cancelTimer: () => void = () => undefined
  private isSoon = false
  private isCollecting = false
  /** When the timer runs: ms, by the monotonic clock. */
  private due = 0
  private readonly publishing = new Set<Promise<void>>()
  private isClosed = false
  private subscription: Promise<() => Promise<void>> | undefined
  private readonly lag = new Map<string, number>()
  private readonly heardAt = new Map<string, number>()
  private readonly counts = { sent: 0, applied: 0, late: 0, over: 0, forgiven: 0 }

  constructor(parts: ExchangeParts) {
    const { interval, urgent, minimum, keep, all } = parts.regions
    this.parts = parts
    this.clock = completeClock(parts.clock)
    this.terms = { interval, urgent, minimum, keep, regions: all.length }
    this.keys = new TouchedKeys((target) => parts.known?.(target))
  }

  /** Begins to exchange. */
  async start(): Promise<void> {
    if (this.isClosed) return
    this.subscription = this.subscribe()
    try {
      await this.subscription
    } catch (error) {
      this.subscription = undefined
      throw error
    }
    if (!this.isClosed) this.schedule()
  }

  /** Ends the exchange. What was decided and not published waits for the next request of its subject. */
  async close(): Promise<void> {
    this.isClosed = true
    this.cancelTimer()
    // A transport ends its connections with its last subscription, so one that never began to listen must subscribe to end them.
    const unsubscribe = await (this.subscription ?? this.subscribe()).catch(() => undefined)
    await unsubscribe?.()
  }

  report(): ExchangeReport {
    return { ...this.counts, unpublished: this.keys.units, lag: this.lag, heardAt: this.heardAt }
  }

  /** Remembers a decision, so that the count of its subject is published. A refusal too, with 0 units: its subject is in use. */
  touched(target: { readonly scope: string; readonly limit: Limit; readonly subject: string }, units: number): void {
    if (!this.isExchanged(target)) return
    const limitId = this.keys.add(target, units)
    // An exchange that comes soon takes this decision too.
    if (!this.isSoon && this.urgency.add(limitId, target.subject, units / (this.terms.urgent * target.limit.limit))) this.hurry()
  }

  /** Whether regions exchange the counts of a limit: its policy has mode `eventual`, and its window is not too short. */
  isExchanged(target: { readonly scope: string; readonly limit: Limit }): boolean {
    return this.parts.regions.exchangeOf(target) === 'exchanged'
  }

  /** Publishes now what has changed. */
  async collect(): Promise<void> {
    await this.collectKeys()
    await Promise.all(this.publishing)
  }

  /** Resolves when the store has answered. What it gave is on its way: the way to a broker must not make the interval longer. */
  private async collectKeys(): Promise<void> {
    const keys = this.keys.take()
    if (keys.length === 0) return
    this.urgency.clear()
    await this.collectAll(keys)
  }

  /** Publishes what this region has counted of these subjects, also what was published before. */
  async publishAgain(subjects: readonly ExchangedSubject[]): Promise<void> {
    await this.collectAll(subjects.map(forcedKey))
  }

  private async collectAll(keys: Iterable<Touched>): Promise<void> {
    const byPartition = grouped(keys, ({ subject }) => this.parts.storage.partitionOf(subject))
    await Promise.all(
      Array.from(byPartition, async ([partition, list]) => {
        for (let from = 0; from < list.length; from += MAX_KEYS) await this.collectPart(partition, list.slice(from, from + MAX_KEYS))
      }),
    )
    if (this.publishing.size >= MAX_PUBLISHING) await Promise.race(this.publishing)
  }

  /** Applies a message. Resolves when all of it is applied, also what belongs to a window that has not begun here. */
  async receive(body: Uint8Array): Promise<void> {
    const message = decodeMessage(body)
    const { regions, anomaly } = this.parts
    const region = message === undefined ? -1 : regions.all.indexOf(message.from)
    if (message === undefined || region < 0) {
      anomaly?.(
        'ANOMALY_REGION_MESSAGE',
        message === undefined ? 'the body is of another version or form' : `its region is "${message.from}"`,
      )
      return
    }
    if (region === regions.index) return
    this.parts.heard?.(message)
    const records = message.records.filter((record): record is CountRecord => record.kind === 'count')
    const byPartition = grouped(records, ({ subject }) => this.parts.storage.partitionOf(subject))
    for (const list of byPartition.values()) {
      for (let from = 0; from < list.length; from += MAX_KEYS) await this.applyPart(list.slice(from, from + MAX_KEYS), message)
    }
    for (const record of message.records)
      if (record.kind === 'need' || record.kind === 'offer') await this.parts.moved?.(record, message.from)
    this.lag.set(message.from, Math.max(0, this.clock.now() - message.at))
    this.heardAt.set(message.from, message.at)
  }

  private async subscribe(): Promise<() => Promise<void>> {
    const { transport, self } = this.parts.regions
    return transport.subscribe(self, (body) => this.receive(body))
  }

  private schedule(): void {
    const { interval } = this.terms
    const random = this.parts.random ?? Math.random
    const wait = this.isSoon ? SOON : interval * (1 + JITTER * (2 * random() - 1))
    this.due = this.clock.monotonic() + wait
    this.cancelTimer = this.clock.after(wait, () => {
      this.isSoon = false
      this.isCollecting = true
      void this.collectKeys()
        .catch((error: unknown) => this.parts.failed?.(error))
        .then(() => {
          this.isCollecting = false
          if (!this.isClosed) this.schedule()
        })
    })
  }

  /** Publishes within 50 ms. */
  private hurry(): void {
    if (this.isSoon || this.isClosed) return
    this.isSoon = true
    // The end of a collect sets the next timer. A second one would never end.
    if (this.isCollecting || this.due - this.clock.monotonic() <= SOON) return
    this.cancelTimer()
    this.schedule()
  }

  private async collectPart(partition: number, list: readonly Touched[]): Promise<void> {
    const now = this.clock.now()
    const { storage, regions } = this.parts
    try {
      const results = await storage.collect(
        list.map((key) => collectKeyOf(key, now)),
        this.terms,
      )
      list.forEach((key, i) => (results[i]?.result === 'later' ? this.keys.putBack(key, false) : undefined))
      const records = results.flatMap(({ record }) => record ?? [])
      const bodies = encodeMessages({ from: regions.self, at: Math.floor(now), records }, this.parts.version?.())
      if (bodies.length === 0) {
        this.parts.succeeded?.()
        return
      }
      const envelopes = bodies.map((body) => ({ partition, body }))
      const publishing = this.publish(envelopes, list, records.length).then(() => void this.publishing.delete(publishing))
      this.publishing.add(publishing)
    } catch (error) {
      this.notPublished(list, error)
    }
  }

  private async publish(envelopes: readonly RegionEnvelope[], list: readonly Touched[], records: number): Promise<void> {
    try {
      await this.parts.regions.transport.publish(envelopes)
      this.counts.sent += records
      this.parts.succeeded?.()
    } catch (error) {
      this.notPublished(list, error)
    }
  }

  private notPublished(list: readonly Touched[], error: unknown): void {
    // What was collected is marked as published, so only force publishes it again.
    for (const key of list) this.keys.putBack(key, true)
    this.parts.failed?.(error)
  }

  private async applyPart(records: readonly CountRecord[], sender: Pick<RegionMessage, 'from' | 'at'>): Promise<void> {
    const { from, at } = sender
    const results = await this.parts.storage.apply(records, { region: regionId(from), at }, this.terms)
    const early: CountRecord[] = []
    let wait = 0
    results.forEach((result, i) => {
      const record = records[i] as CountRecord
      if (result.result === 'early') {
        early.push(record)
        wait = Math.max(wait, result.wait)
      }
      if (result.result === 'done') this.counts.applied += 1
      if (result.isUnpublished) this.keys.touchRecord(record)
      if (result.ahead > 0) this.parts.anomaly?.('ANOMALY_REGION_CLOCK', `the clock of "${from}" is ahead`)
      this.counts.late += result.late
      this.counts.over += result.over
      this.counts.forgiven += result.forgiven
    })
    if (early.length === 0) return
    await new Promise<void>((resolve) => void this.clock.after(wait, resolve))
    await this.applyPart(early, sender)
  }
}
