import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { type FakeClock, fakeClock } from '@sluice/testing'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  parseCeilings,
  type FeedOptions,
  type PolicyDocument,
  policyFeed,
  type PolicyFeed,
  type PolicySource,
  type Snapshot,
  type SourceEvent,
} from '../src/index.ts'
import { parsed, withPolicy } from './documents.ts'

/** The document with another revision, and another number. */
function revision(number: number, units = number): string {
  return withPolicy('').replace('revision: 7', `revision: ${number}`).replace('limit: 3', `limit: ${units}`)
}

function unitsOf(document: PolicyDocument | undefined): number | undefined {
  return document?.policies?.[0]?.rules[0]?.limits?.[0]?.limit
}

/** A source that a test drives. It is no stand-in for a server: the contract of sources is what is tested here. */
class Driven implements PolicySource {
  readonly name = 'driven'
  texts: Record<string, string> = {}
  failure: Error | undefined
  loads = 0
  emit: ((event: SourceEvent) => void) | undefined
  private end: ((error?: Error) => void) | undefined

  load(): Promise<Snapshot> {
    this.loads += 1
    if (this.failure !== undefined) return Promise.reject(this.failure)
    return Promise.resolve({ cursor: String(this.loads), documents: Object.entries(this.texts).map(([key, text]) => ({ key, text })) })
  }

  watch(_: string | undefined, emit: (event: SourceEvent) => void, signal: AbortSignal): Promise<void> {
    this.emit = emit
    return new Promise((resolve, reject) => {
      this.end = (error) => (error === undefined ? resolve() : reject(error))
      signal.addEventListener('abort', () => resolve())
    })
  }

  /** Ends the watch, as a connection that was lost does. */
  cut(error?: Error): void {
    this.emit = undefined
    this.end?.(error)
  }
}

let source: Driven
let warnings: { code: string; message: string }[]
let changes: number[]
beforeEach(() => {
  source = new Driven()
  warnings = []
  changes = []
})

async function started(options: Partial<FeedOptions> = {}): Promise<PolicyFeed> {
  const feed = await policyFeed({
    source,
    startTimeout: 200,
    on: { warning: (warning) => warnings.push(warning), change: ({ document }) => changes.push(document.revision) },
    ...options,
  })
  onTestFinished(() => feed.close())
  return feed
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sluice-feed-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

describe('what the source has, in health()', () => {
  async function confirmed(more: Partial<FeedOptions> = {}) {
    const clock = fakeClock()
    source.texts = { a: revision(5) }
    const feed = await started({ clock, ...more })
    const progress = (): void => {
      clock.advance(1_000)
      source.emit?.({ type: 'progress' })
    }
    const start = clock.now()
    const health = () => {
      const { inSource, confirmedAt = Number.NaN } = feed.health().namespaces[0] ?? {}
      return [inSource, confirmedAt - start]
    }
    return { feed, progress, health }
  }

  test.each<readonly [string, SourceEvent]>([
    ['refused', { type: 'put', key: 'a', text: 'nothing' }],
    ['refused', { type: 'put', key: 'a', text: revision(5, 9) }],
    ['older', { type: 'put', key: 'a', text: revision(4) }],
    ['gone', { type: 'missing', key: 'a' }],
  ])('%s: a source that is well confirms nothing until it has the document again', async (expected, event) => {
    const { progress, health } = await confirmed()
    progress()
    expect(health()).toEqual(['same', 1_000])
    source.emit?.(event)
    progress()
    expect(health()).toEqual([expected, 1_000])
    source.emit?.({ type: 'put', key: 'a', text: revision(5) })
    expect(health()).toEqual(['same', 2_000])
    source.emit?.(event)
    source.emit?.({ type: 'put', key: 'a', text: revision(6) })
    progress()
    expect(health()).toEqual(['same', 3_000])
  })

  test.each(['accepted', 'older'])('a key with a document of another namespace, %s, has no longer that of this one', async (answer) => {
    const { feed, progress, health } = await confirmed()
    const other = (number: number) => revision(number).replace('namespace: shop', 'namespace: other')
    if (answer === 'older') source.emit?.({ type: 'put', key: 'b', text: other(9) })
    source.emit?.({ type: 'put', key: 'a', text: other(7) })
    progress()
    expect(health()).toEqual(['gone', 0])
    source.emit?.({ type: 'put', key: 'a', text: other(10) })
    progress()
    expect(health()).toEqual(['gone', 0])
    source.emit?.({ type: 'missing', key: 'a' })
    const namespaces = feed.health().namespaces.map(({ namespace, inSource }) => [namespace, inSource])
    expect(namespaces).toEqual([
      ['shop', 'gone'],
      ['other', 'gone'],
    ])
    source.emit?.({ type: 'put', key: 'c', text: revision(5) })
    expect(health()).toEqual(['same', 2_000])
  })

  test('a document that exceeds its ceilings is refused', async () => {
    const spec = '{ rates: [{ limit: 10, window: 1m }] }'
    const ceilings = parseCeilings(`apiVersion: sluice/v1\nkind: ceilings\nrevision: 1\nnamespaces: { shop: ${spec} }`)
    const { progress, health } = await confirmed({ ceilings })
    source.emit?.({ type: 'put', key: 'a', text: revision(6, 11) })
    progress()
    expect(health()).toEqual(['refused', 0])
  })

  test('other keys say nothing of it', async () => {
    const { progress, health } = await confirmed()
    source.emit?.({ type: 'put', key: 'b', text: 'nothing' })
    source.emit?.({ type: 'put', key: 'b', text: revision(4) })
    source.emit?.({ type: 'missing', key: 'b' })
    progress()
    expect(health()).toEqual(['same', 1_000])
  })

  test('a fallback is unknown to it', async () => {
    source.failure = new Error('refused')
    const feed = await started({ fallback: [parsed(revision(1))] })
    expect(feed.health().namespaces).toEqual([
      { namespace: 'shop', revision: 1, from: 'fallback', inSource: 'unknown', confirmedAt: undefined },
    ])
  })
})

describe('what comes into force', () => {
  test('the document of the source, then each with a higher revision', async () => {
    source.texts = { a: revision(1) }
    const feed = await started()
    source.emit?.({ type: 'put', key: 'a', text: revision(2) })
    source.emit?.({ type: 'put', key: 'a', text: revision(5) })
    expect(unitsOf(feed.document('shop'))).toBe(5)
    expect(changes).toEqual([1, 2, 5])
    expect(warnings).toEqual([])
  })

  test('a lower revision is ignored', async () => {
    source.texts = { a: revision(5) }
    const feed = await started()
    source.emit?.({ type: 'put', key: 'a', text: revision(4) })
    expect(feed.document('shop')?.revision).toBe(5)
    expect(warnings.map(({ code }) => code)).toEqual(['WARN_POLICY_STALE'])
  })

  test('two documents of one revision: the first stays', async () => {
    source.texts = { a: revision(5, 1) }
    const feed = await started()
    source.emit?.({ type: 'put', key: 'a', text: revision(5, 2) })
    expect(unitsOf(feed.document('shop'))).toBe(1)
    expect(warnings.map(({ code }) => code)).toEqual(['ANOMALY_POLICY_FORK'])
    source.emit?.({ type: 'put', key: 'a', text: revision(5, 1) })
    expect(changes).toEqual([5])
  })

  test('health() counts what became of each document of the source', async () => {
    source.texts = { a: revision(2) }
    const feed = await started()
    const expected = { accepted: 1, confirmed: 0, stale: 0, fork: 0, invalid: 0, held: 0 }
    expect(feed.health().loads).toEqual(expected)
    const emit = (text: string): void => source.emit?.({ type: 'put', key: 'a', text })
    emit(revision(2))
    emit(revision(1))
    emit(revision(2, 5))
    emit('{')
    emit(revision(3))
    await turn()
    expect(feed.health().loads).toEqual({ accepted: 2, confirmed: 1, stale: 1, fork: 1, invalid: 1, held: 0 })
  })

  test('a document that is not valid changes nothing, and says line and reason', async () => {
    source.texts = { a: revision(1) }
    const feed = await started()
    source.emit?.({ type: 'put', key: 'a', text: revision(2).replace('window: 1m', 'window: 60') })
    source.emit?.({ type: 'put', key: 'a', text: revision(3).slice(0, 200) })
    source.emit?.({ type: 'put', key: 'a', text: '' })
    expect(feed.document('shop')?.revision).toBe(1)
    expect(warnings.map(({ code }) => code)).toEqual(['ERR_POLICY_INVALID', 'ERR_POLICY_INVALID', 'ERR_POLICY_INVALID'])
    expect(warnings[0]?.message).toMatch(/line \d+, column \d+: policies\[0\]\.rules\[0\]\.limits\[0\]\.window: expected a text, got 60/)
    expect(feed.health().problem).toBe(warnings[2]?.message)
    source.emit?.({ type: 'put', key: 'a', text: revision(2) })
    expect(feed.document('shop')?.revision).toBe(2)
    expect(feed.health().problem).toBeUndefined()
  })

  test('a problem is reported once, however often it is read', async () => {
    source.texts = { a: revision(5) }
    await started()
    for (let i = 0; i < 5; i++) source.emit?.({ type: 'put', key: 'a', text: revision(4) })
    expect(warnings).toHaveLength(1)
  })

  test('what is gone from the source stays in force; deleted: true removes its limits', async () => {
    source.texts = { a: revision(5) }
    const feed = await started()
    source.emit?.({ type: 'missing', key: 'a' })
    expect(unitsOf(feed.document('shop'))).toBe(5)
    source.texts = {}
    source.emit?.({ type: 'resync' })
    await vi.waitFor(() => expect(source.loads).toBe(2))
    expect(unitsOf(feed.document('shop'))).toBe(5)
    expect(warnings.map(({ code }) => code)).toEqual(['WARN_POLICY_MISSING'])
    source.emit?.({ type: 'put', key: 'a', text: 'apiVersion: sluice/v1\nnamespace: shop\nrevision: 6\ndeleted: true\n' })
    expect(feed.document('shop')).toMatchObject({ revision: 6, deleted: true })
  })

  test('each namespace by itself; those that are not followed are ignored', async () => {
    const other = revision(9).replace('namespace: shop', 'namespace: other')
    source.texts = { a: revision(1), b: other, c: other.replace('namespace: other', 'namespace: third') }
    const feed = await started({ namespaces: ['shop', 'other'] })
    source.emit?.({ type: 'put', key: 'b', text: 'no document' })
    source.emit?.({ type: 'put', key: 'a', text: revision(2) })
    expect(feed.namespaces).toEqual(['shop', 'other'])
    expect([feed.document('shop')?.revision, feed.document('other')?.revision]).toEqual([2, 9])
  })

  test('any order, gap and repetition of revisions ends at the highest', async () => {
    source.texts = { a: revision(1) }
    const feed = await started()
    const order = Array.from({ length: 200 }, (_, i) => ((i * 73) % 50) + 1)
    for (const number of order) source.emit?.({ type: 'put', key: 'a', text: revision(number) })
    expect(feed.document('shop')?.revision).toBe(50)
    expect(changes).toEqual(changes.toSorted((a, b) => a - b))
  })
})

describe('a source that is away', () => {
  test('the last documents stay, and the feed comes back by itself', async () => {
    source.texts = { a: revision(1) }
    const feed = await started()
    source.failure = new Error('connection refused')
    source.cut(new Error('connection lost'))
    await vi.waitFor(() => expect(feed.health().source).toBe('away'))
    expect(feed.health().problem).toMatch(/driven does not answer, so its last documents stay in force: connection (lost|refused)/)
    expect(unitsOf(feed.document('shop'))).toBe(1)
    source.failure = undefined
    source.texts = { a: revision(2) }
    await vi.waitFor(() => expect(feed.document('shop')?.revision).toBe(2), 5_000)
    expect(feed.health()).toMatchObject({ source: 'connected', problem: undefined })
  })

  /** Checks that the next load comes after this time (ms), and not before. */
  async function loadsAfter(ms: number, clock: FakeClock): Promise<void> {
    const { loads } = source
    await vi.waitFor(() => expect(clock.pending).toBe(1))
    clock.advance(ms - 1)
    await turn()
    expect(source.loads).toBe(loads)
    clock.advance(1)
    await turn()
    expect(source.loads).toBe(loads + 1)
  }

  test('one that flaps is asked again no faster than the back-off says', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    onTestFinished(() => void vi.restoreAllMocks())
    const clock = fakeClock()
    source.texts = { a: revision(1) }
    await started({ clock })
    // A load that works between two cuts is no reason to ask all the faster.
    for (const ms of [100, 200, 400, 800, 1_600]) {
      await vi.waitFor(() => expect(source.emit).toBeDefined())
      source.cut(new Error('lost'))
      await loadsAfter(ms, clock)
    }
    await vi.waitFor(() => expect(source.emit).toBeDefined())
    clock.advance(1_000)
    source.cut(new Error('lost'))
    await loadsAfter(100, clock)
  })

  test('one that was watched for a second is asked at once, each time', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    onTestFinished(() => void vi.restoreAllMocks())
    const clock = fakeClock()
    source.texts = { a: revision(1) }
    await started({ clock })
    for (let i = 0; i < 10; i++) {
      await vi.waitFor(() => expect(source.emit).toBeDefined())
      clock.advance(1_000)
      source.cut()
      await loadsAfter(100, clock)
    }
  })

  test('one that stays away is asked after twice the time, each time', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    onTestFinished(() => void vi.restoreAllMocks())
    const clock = fakeClock()
    source.texts = { a: revision(1) }
    await started({ clock })
    source.failure = new Error('connection refused')
    source.cut(new Error('lost'))
    for (const ms of [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000]) await loadsAfter(ms, clock)
    source.failure = undefined
    await loadsAfter(15_000, clock)
    await vi.waitFor(() => expect(source.emit).toBeDefined())
    clock.advance(1_000)
    source.cut(new Error('lost'))
    await loadsAfter(100, clock)
  })

  test('a watch that ends is loaded again, so that nothing is missed', async () => {
    source.texts = { a: revision(1) }
    const feed = await started()
    source.texts = { a: revision(2) }
    source.cut()
    await vi.waitFor(() => expect(feed.document('shop')?.revision).toBe(2), 5_000)
  })

  test('refresh() reads it now, and rejects while it is away', async () => {
    source.texts = { a: revision(1) }
    const feed = await started()
    source.texts = { a: revision(2) }
    await feed.refresh()
    expect(feed.document('shop')?.revision).toBe(2)
    source.failure = new Error('connection refused')
    await expect(feed.refresh()).rejects.toThrow('connection refused')
  })

  test('a hint while a load is under way needs another load', async () => {
    source.texts = { a: revision(1) }
    const feed = await started()
    source.texts = { a: revision(2) }
    source.emit?.({ type: 'resync' })
    source.texts = { a: revision(3) }
    source.emit?.({ type: 'resync' })
    await vi.waitFor(() => expect(feed.document('shop')?.revision).toBe(3))
  })
})

describe('the start', () => {
  let cache: string
  beforeEach(async () => {
    cache = await folder()
  })

  test('without a document it fails, and says what to do', async () => {
    source.failure = new Error('connection refused')
    await expect(started()).rejects.toThrow(
      /^policyFeed: no document after 200 ms: driven does not answer, .*connection refused; set cache or fallback .*\(ERR_POLICY_UNAVAILABLE, /,
    )
    source.failure = undefined
    source.texts = { a: revision(1) }
    await expect(started({ namespaces: ['shop', 'other'] })).rejects.toThrow('no document of other')
  })

  test('the last good document is kept on disk, and used after a restart', async () => {
    source.texts = { a: revision(1) }
    const first = await started({ cache })
    source.emit?.({ type: 'put', key: 'a', text: revision(4) })
    await vi.waitFor(async () => expect(await readFile(join(cache, 'shop.policy.yaml'), 'utf8')).toBe(revision(4)))
    await first.close()
    source.failure = new Error('away')
    const second = await started({ cache })
    expect(second.document('shop')?.revision).toBe(4)
    expect(second.health().namespaces).toMatchObject([{ namespace: 'shop', revision: 4, from: 'cache', confirmedAt: undefined }])
    expect(await readdir(cache)).toEqual(['shop.policy.yaml'])
  })

  test('a document that is not valid does not lose the last good one over a restart', async () => {
    await writeFile(join(cache, 'shop.policy.yaml'), revision(4))
    source.texts = { a: revision(5).replace('limit: 5', 'limit: -5') }
    const feed = await started({ cache })
    expect(feed.document('shop')?.revision).toBe(4)
    expect(await readFile(join(cache, 'shop.policy.yaml'), 'utf8')).toBe(revision(4))
  })

  test('a file on disk that was damaged is no document', async () => {
    await writeFile(join(cache, 'shop.policy.yaml'), revision(4).slice(0, 300))
    source.failure = new Error('away')
    await expect(started({ cache })).rejects.toThrow('ERR_POLICY_UNAVAILABLE')
  })

  test('an old document of the source does not replace a newer one on disk', async () => {
    await writeFile(join(cache, 'shop.policy.yaml'), revision(4))
    source.texts = { a: revision(3) }
    const feed = await started({ cache })
    expect(feed.document('shop')?.revision).toBe(4)
  })

  test('the fallback holds until the source has a document, of any revision', async () => {
    source.failure = new Error('away')
    const feed = await started({ fallback: [parsed(revision(100))] })
    expect(feed.document('shop')?.revision).toBe(100)
    source.failure = undefined
    source.texts = { a: revision(1) }
    await vi.waitFor(() => expect(feed.document('shop')?.revision).toBe(1), 5_000)
    expect(feed.health().namespaces[0]?.from).toBe('source')
  })

  test('it waits no longer than it must', async () => {
    source.texts = { a: revision(1) }
    const start = performance.now()
    await started({ startTimeout: 60_000 })
    expect(performance.now() - start).toBeLessThan(30_000)
  })

  test.each([
    [{ source: {} }, 'policyFeed: source'],
    [{ startTimeout: -1 }, 'policyFeed: startTimeout'],
    [{ namespaces: [] }, 'policyFeed: namespaces'],
    [{ cache: '' }, 'policyFeed: cache'],
    [{ sorce: 1 }, 'sorce'],
  ])('%j is refused', async (options, message) => {
    await expect(started(options as never)).rejects.toThrow(message)
  })
})

test('an observer that throws does not end the feed', async () => {
  source.texts = { a: revision(5) }
  const feed = await started({
    on: {
      warning: () => {
        throw new Error('mine')
      },
    },
  })
  source.emit?.({ type: 'put', key: 'a', text: 'no document' })
  source.emit?.({ type: 'put', key: 'a', text: revision(6) })
  expect(feed.document('shop')?.revision).toBe(6)
})

test('without an observer, a problem is shown on the console, with its code and page', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  onTestFinished(() => warn.mockRestore())
  source.texts = { a: revision(5) }
  await started({ on: undefined })
  source.emit?.({ type: 'put', key: 'a', text: revision(4) })
  source.emit?.({ type: 'put', key: 'a', text: 'no document' })
  expect(warn.mock.calls.flat()).toEqual([
    expect.stringMatching(/^sluice: a has revision 4, .* so it is ignored \(WARN_POLICY_STALE, see .*\)$/),
    expect.stringMatching(/^sluice: a is no valid policy document, [^]*\(ERR_POLICY_INVALID, see [^(]*\)$/),
  ])
})
