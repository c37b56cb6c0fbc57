import { type Clock, systemClock } from '@sluice/core'
import { invalid, type PolicySource, type Snapshot, type SourceEvent } from '@sluice/core/store-kit'
import { pause } from '@sluice/policies/source-kit'
import { EtcdClient } from './etcd-client.ts'
import { decoded, encoded, endOf, type KeyValue, type RangeAnswer, revisionOf, type WatchLine } from './messages.ts'
import { type EtcdSourceOptions, settingsOf } from './options.ts'

/**
 * Policy documents in etcd, one under each key with the prefix. They are read at a revision, and watched from the next one on.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { etcdSource } from '@sluice/etcd'
 * import { policyFeed } from '@sluice/policies'
 *
 * const endpoints = ['http://10.0.0.1:2379', 'http://10.0.0.2:2379', 'http://10.0.0.3:2379']
 * const feed = await policyFeed({ source: etcdSource({ endpoints }) })
 * ```
 */
export function etcdSource(options: EtcdSourceOptions): PolicySource {
  const settings = settingsOf('etcdSource', options, ['interval', 'clock'])
  const { interval = 15_000, clock = systemClock } = options
  if (!(Number.isFinite(interval) && interval >= 100)) throw invalid('etcdSource: interval', 'milliseconds, at least 100', interval)
  const client = new EtcdClient(settings, clock)
  const range = { key: encoded(settings.prefix), range_end: endOf(settings.prefix) }
  return {
    name: `etcd (${settings.prefix})`,
    async load(signal: AbortSignal): Promise<Snapshot> {
      const { header, kvs = [] } = await client.ask<RangeAnswer>('kv/range', range, signal)
      const documents = kvs.map(({ key, value }) => ({ key: decoded(key), text: decoded(value) }))
      return { cursor: header?.revision, documents }
    },
    async watch(cursor, emit, signal: AbortSignal): Promise<void> {
      const watch = new Watch(client, range, revisionOf(cursor), emit)
      const end = new AbortController()
      const stop = (): void => end.abort(signal.reason)
      signal.addEventListener('abort', stop)
      if (signal.aborted) stop()
      const ends = [watch.listen(end.signal), watch.compare(interval, settings.timeout, clock, end.signal)]
      try {
        await Promise.race(ends)
      } catch (error) {
        if (!signal.aborted) throw error
      } finally {
        signal.removeEventListener('abort', stop)
        end.abort()
        // The other one ends by the abort, and says so.
        await Promise.allSettled(ends)
      }
    },
  }
}

interface Range {
  readonly key: string
  readonly range_end: string
}

/** What a feed hears of the keys from a revision on. */
class Watch {
  private readonly client: EtcdClient
  private readonly range: Range
  private readonly since: bigint
  private readonly emit: (event: SourceEvent) => void
  /** The last revision of which the watch has reported everything. */
  private seen: bigint

  constructor(client: EtcdClient, range: Range, since: bigint, emit: (event: SourceEvent) => void) {
    this.client = client
    this.range = range
    this.since = since
    this.emit = emit
    this.seen = since
  }

  /** Resolves when everything must be read again: the watch began before what etcd keeps, or the stream ended. */
  async listen(signal: AbortSignal): Promise<void> {
    const request = { create_request: { ...this.range, start_revision: String(this.since + 1n), progress_notify: true } }
    for await (const { result, error } of this.client.lines<WatchLine>('watch', request, signal)) {
      if (result === undefined) throw new Error(`the watch ended: ${error?.message ?? 'etcd gave no reason'}`)
      const { header, created, canceled, compact_revision, cancel_reason, events = [] } = result
      if (canceled === true) {
        if (compact_revision !== undefined) return
        // A token may have ended, or a right.
        this.client.forgetToken()
        throw new Error(`etcd ended the watch: ${cancel_reason ?? 'without a reason'}`)
      }
      const revision = revisionOf(header?.revision)
      // A store that was restored from a backup would be silent until its revisions reach those of before.
      if (revision < this.since) return
      for (const { type, kv } of events) this.report(type, kv ?? {})
      if (created !== true && events.length === 0) this.progress(revision)
    }
  }

  /**
   * Compares what the watch has reported with what etcd has, again and again. A watch of a member that is cut off from the others is silent,
   * and so is one whose connection was lost without a trace. A range is answered by the majority only.
   */
  async compare(interval: number, timeout: number, clock: Clock, signal: AbortSignal): Promise<void> {
    for (;;) {
      await pause(interval, clock, signal)
      if (signal.aborted) return
      const newest = { ...this.range, keys_only: true, sort_order: 'DESCEND', sort_target: 'MOD', limit: 1 }
      const { header, kvs } = await this.client.ask<RangeAnswer>('kv/range', newest, signal)
      const revision = revisionOf(header?.revision)
      if (revision < this.since) return
      const last = revisionOf(kvs?.[0]?.mod_revision)
      // The event may be on its way.
      if (last > this.seen) await pause(timeout, clock, signal)
      if (signal.aborted) return
      if (last > this.seen) throw new Error(`the watch did not report revision ${last} of etcd`)
      this.progress(revision)
    }
  }

  private report(type: 'DELETE' | undefined, { key, value, mod_revision }: KeyValue): void {
    const cursor = mod_revision ?? ''
    this.seen = revisionOf(mod_revision)
    this.emit(
      type === 'DELETE' ? { type: 'missing', key: decoded(key), cursor } : { type: 'put', key: decoded(key), text: decoded(value), cursor },
    )
  }

  private progress(revision: bigint): void {
    this.emit({ type: 'progress', cursor: String(revision) })
  }
}
