import { type Clock, systemClock } from '@sluice/core'
import { isKafkajs, type KafkaSourceOptions } from './options.ts'
import { kafkajsReader } from './readers/kafkajs.ts'
import { platformaticReader } from './readers/platformatic.ts'
import type { Reader } from './readers/reader.ts'
import { TopicLog } from './topic-log.ts'

/** ms without an answer of the broker after which the topic is read anew. The broker answers every second. */
const SILENCE = 30_000
/** ms that a close waits for the client. */
const CLOSING = 2_000

/** One reading of a topic, from its beginning until it fails or is closed. */
export class Session {
  readonly log: TopicLog = new TopicLog()
  /** Rejects when the reading fails, and resolves when it is closed. */
  readonly ended: Promise<void>
  isOver = false
  private readonly stop = new AbortController()
  private readonly reading: Promise<void>
  private readonly clock: Clock
  private cancelAlarm: () => void = () => undefined

  constructor({ client, topic, group = 'sluice-policies', clock = systemClock }: KafkaSourceOptions, maxWait: number) {
    this.clock = clock
    const reader: Reader = isKafkajs(client) ? kafkajsReader(client, group) : platformaticReader(client)
    const silent = new Promise<never>((_, reject) => this.watchSilence(reject))
    this.reading = reader(
      { topic, maxWait, signal: this.stop.signal },
      {
        record: (record) => {
          if (this.isOver) return
          try {
            this.log.record(record)
          } catch (error) {
            // At once: the end of the same fetch must not count as read.
            this.isOver = true
            this.log.fail(error)
            this.alarm(error)
          }
        },
        fetched: (next, isAtEnd) => {
          if (this.isOver) return
          this.watchSilence(this.alarm)
          this.log.fetched(next, isAtEnd)
        },
      },
    )
    this.reading.catch(() => undefined)
    this.ended = Promise.race([this.reading, silent]).finally(() => {
      this.isOver = true
      this.cancelAlarm()
      this.stop.abort()
    })
    this.ended.then(
      () => this.log.fail(new Error('it is closed')),
      (error: unknown) => this.log.fail(error),
    )
  }

  async close(): Promise<void> {
    this.isOver = true
    this.stop.abort()
    this.cancelAlarm()
    const after = this.clock.after?.bind(this.clock) ?? systemClock.after
    await Promise.race([this.reading.catch(() => undefined), new Promise<void>((resolve) => void after(CLOSING, resolve))])
  }

  private alarm: (error: unknown) => void = () => undefined

  private watchSilence(alarm: (error: unknown) => void): void {
    this.alarm = alarm
    this.cancelAlarm()
    const after = this.clock.after?.bind(this.clock) ?? systemClock.after
    this.cancelAlarm = after(SILENCE, () => alarm(new Error(`no answer for ${SILENCE} ms`)))
  }
}
