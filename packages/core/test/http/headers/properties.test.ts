import * as fc from 'fast-check'
import { type Item, parseDictionary, parseList } from 'structured-headers'
import { describe, expect, it } from 'vitest'
import type { Decision } from '../../../src/decision.ts'
import type { DialectOptions, HeaderEntry } from '../../../src/http/headers/headers.ts'
import type { Limit } from '../../../src/limit.ts'
import { fixedWindow, slidingWindow, tokenBucket } from '../../../src/limits.ts'
import type { Outcome } from '../../../src/store.ts'
import { bucket, day, decision, minute, NOW, plain, render, slots } from './fixtures.ts'

const CAP = 604_800
const short = slidingWindow({ name: 'short', limit: 7, window: '250ms' }).limit
const slow = tokenBucket({ name: 'slow', limit: 3, window: '7s', burst: 11 }).limit
const month = fixedWindow({ name: 'month', limit: 1_000_003, window: 'month' }).limit
const none = slidingWindow({ name: 'none', limit: 0, window: '5s' }).limit
/** Their own names and q, w by hand, so that nothing is asked of what is tested. */
const LIMITS: readonly (readonly [Limit, number, number | undefined])[] = [
  [none, 0, 5],
  [minute, 100, 60],
  [day, 5_000, 86_400],
  [bucket, 25, 3],
  [plain, 10, 10],
  [slots, 4, undefined],
  [short, 7, 1],
  [slow, 11, 26],
  [month, 1_000_003, 2_678_400],
]

const wait = fc.oneof(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 3_000_000_000 }))
const outcomes: fc.Arbitrary<Partial<Outcome> | undefined> = fc.option(
  fc
    .record({
      allowed: fc.boolean(),
      remaining: fc.integer({ min: 0, max: 100 }),
      retryAfter: fc.oneof(wait, fc.constant(Infinity)),
      nextAfter: fc.oneof(wait, fc.constant(0)),
      resetAfter: wait,
      source: fc.constantFrom('memory', 'redis', 'deny-cache', 'lease', 'local', 'open', 'closed'),
    })
    .map((given) => ({ ...given, allowed: given.source === 'open' || (given.source !== 'closed' && given.allowed) }))
    .map((given) => ({ ...given, retryAfter: given.allowed ? 0 : given.source === 'closed' ? 1_000 : given.retryAfter })),
  { nil: undefined, freq: 6 },
)
const parts = fc.uniqueArray(fc.tuple(fc.constantFrom(...LIMITS.map(([limit]) => limit)), outcomes), {
  selector: ([limit]) => limit,
  maxLength: 5,
})
const entries: fc.Arbitrary<readonly HeaderEntry[]> = fc
  .array(fc.tuple(parts, fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined })), { maxLength: 4 })
  .map((all) =>
    all.map(([given, key], i) => ({
      decision: decision(given, { policy: i === 0 ? 'default' : `policy-${i}` }),
      shorthand: false,
      partitionKeys: key === undefined ? undefined : given.map(() => key),
    })),
  )
const options: fc.Arbitrary<DialectOptions> = fc.record({
  standard: fc.constantFrom<DialectOptions['standard']>('draft-11', 'draft-8', 'draft-7', 'draft-6', true, false, undefined),
  legacy: fc.constantFrom<DialectOptions['legacy']>('epoch', 'delta', false, undefined),
  exposeHeaders: fc.boolean(),
})

function known({ decision: { outcomes: all, verdict } }: HeaderEntry, i: number): Outcome | undefined {
  const given = all[i]
  return verdict === 'unavailable' || given?.source === 'open' || given?.source === 'closed' ? undefined : given
}
function named({ decision: { policy } }: HeaderEntry, limit: Limit): string {
  return policy === 'default' ? limit.name : `${policy}.${limit.name}`
}
function refusedWaits(all: readonly HeaderEntry[]): readonly number[] {
  return all.flatMap(({ decision: { outcomes: each } }) => each.flatMap((one) => (one?.allowed === false ? one.retryAfter : [])))
}
type Headers = ReadonlyMap<string, string>
function run(check: (all: readonly HeaderEntry[], headers: Headers, given: DialectOptions) => void): void {
  fc.assert(
    fc.property(entries, options, (all, given) => {
      const lines = render(all, given)
      const headers = new Map(lines)
      expect(headers.size).toBe(lines.length)
      check(all, headers, given)
    }),
    { numRuns: 2_000 },
  )
}
function shownOf(all: readonly HeaderEntry[]): readonly { readonly limit: Limit; readonly outcome: Outcome }[] {
  return all.flatMap((entry) =>
    entry.decision.charges.flatMap(({ limit }, i) => {
      const outcome = known(entry, i)
      return outcome === undefined ? [] : [{ limit, outcome }]
    }),
  )
}

describe('whatever the limits said', () => {
  it('Retry-After is there when it can be, whole, at least 1, at most a week, never early', () => {
    run((all, headers) => {
      const waits = refusedWaits(all)
      const text = headers.get('Retry-After')
      expect(headers.get('Cache-Control')).toBe(waits.length > 0 ? 'no-store' : undefined)
      expect(text !== undefined).toBe(waits.length > 0 && !waits.includes(Infinity))
      if (text === undefined) return
      expect(text).toMatch(/^[1-9]\d*$/)
      expect(Number(text)).toBeLessThanOrEqual(CAP)
      for (const ms of waits) expect(Number(text) * 1000).toBeGreaterThanOrEqual(Math.min(ms, CAP * 1000))
      expect((Number(text) - 1) * 1000).toBeLessThan(Math.max(1, ...waits))
    })
  })

  it('the structured pair parses, lists every limit in order, and never says more than there is', () => {
    run((all, headers, { standard = true }) => {
      if (standard === false || standard === 'draft-7' || standard === 'draft-6') return
      const listed = all.flatMap((entry) => entry.decision.charges.map(({ limit }, i) => ({ entry, limit, i, outcome: known(entry, i) })))
      const policies = parsed(headers.get('RateLimit-Policy'))
      expect(policies.map(([name]) => name)).toEqual(listed.map(({ entry, limit }) => named(entry, limit)))
      for (const [j, [, parameters]] of policies.entries()) {
        const { limit, entry, i } = listed[j]!
        const [, q, w] = LIMITS.find(([each]) => each === limit)!
        expect(parameters.get('q')).toBe(q)
        expect(parameters.get('w')).toBe(w)
        expect(parameters.get('qu')).toBe(w === undefined ? 'concurrent-requests' : undefined)
        expect(bytes(parameters.get('pk'))).toEqual(bytes(entry.partitionKeys?.[i]))
      }
      const shown = listed.filter((each) => each.outcome !== undefined)
      const limits = parsed(headers.get('RateLimit'))
      expect(limits.map(([name]) => name)).toEqual(shown.map(({ entry, limit }) => named(entry, limit)))
      for (const [j, [, parameters]] of limits.entries()) {
        const { limit, entry, i } = shown[j]!
        const outcome = shown[j]!.outcome!
        const [, q, w] = LIMITS.find(([each]) => each === limit)!
        const r = parameters.get('r') as number
        const t = parameters.get('t') as number | undefined
        expect(bytes(parameters.get('pk'))).toEqual(bytes(entry.partitionKeys?.[i]))
        expect(r).toBe(outcome.remaining)
        const isFixed = limit.algorithm === 'fixedWindow'
        const isNever = q === 0 || (r === 0 && outcome.retryAfter === Infinity && !isFixed)
        expect(t === undefined).toBe(w === undefined || isNever)
        if (t === undefined || w === undefined) continue
        expect(Number.isInteger(t) && t >= 1).toBe(true)
        // The end of a fixed window. Elsewhere never early, and r units in t seconds are never faster than q in w.
        const wait = r === 0 && !outcome.allowed ? outcome.retryAfter : outcome.nextAfter
        const truth = isFixed ? outcome.resetAfter : wait
        expect(t * 1000).toBeGreaterThanOrEqual(truth)
        expect(t).toBeGreaterThanOrEqual(isFixed ? Math.ceil(truth / 1000) : (r * w) / q)
        expect(t).toBeLessThanOrEqual(isFixed ? Math.ceil(truth / 1000) : Infinity)
      }
    })
  })

  it('the three legacy fields show the tightest limit', () => {
    run((all, headers, { legacy = 'epoch' }) => {
      const shown = shownOf(all)
      const names = [...headers.keys()].filter((name) => name.startsWith('X-'))
      const refusing = shown.filter(({ outcome }) => !outcome.allowed)
      const waits = refusing.map(({ outcome }) => outcome.retryAfter)
      // No date for a request that is never admitted. A limit of 0 has none either, unless it refuses with a wait.
      const isNever = waits.includes(Infinity) || (names.length === 2 && headers.get('X-RateLimit-Limit') === '0')
      expect(names).toHaveLength(shown.length === 0 || legacy === false ? 0 : isNever ? 2 : 3)
      if (names.length === 0) return
      const least = Math.min(...shown.map(({ outcome }) => outcome.remaining))
      expect(headers.get('X-RateLimit-Remaining')).toBe(String(refusing.length > 0 ? 0 : least))
      if (isNever) return
      const reset = Number(headers.get('X-RateLimit-Reset')) - (legacy === 'epoch' ? Math.ceil(NOW / 1000) : 0)
      expect(Number.isInteger(reset) && reset >= 1).toBe(true)
      expect(reset * 1000).toBeGreaterThanOrEqual(Math.max(0, ...waits))
    })
  })

  it('drafts 6 and 7 show the same limit', () => {
    run((all, headers, given) => {
      if (given.standard !== 'draft-6' && given.standard !== 'draft-7') return
      const legacy = new Map(render(all, { ...given, legacy: 'delta' }))
      const three = ['Limit', 'Remaining', 'Reset'].map((name) => legacy.get(`X-RateLimit-${name}`))
      const field = headers.get('RateLimit')
      const seven = field === undefined ? undefined : parseDictionary(field)
      const theirs =
        given.standard === 'draft-7'
          ? ['limit', 'remaining', 'reset'].map((name) => (seven?.get(name)?.[0] as number | undefined)?.toString())
          : ['Limit', 'Remaining', 'Reset'].map((name) => headers.get(`RateLimit-${name}`))
      expect(theirs).toEqual(three)
    })
  })

  it('drafts 6 and 7 list integers with a window', () => {
    run((_, headers, { standard }) => {
      if (standard !== 'draft-7' && standard !== 'draft-6') return
      for (const [value, parameters] of parsed(headers.get('RateLimit-Policy'))) {
        expect(Number.isInteger(value)).toBe(true)
        expect([...parameters.keys()]).toEqual(['w'])
      }
    })
  })

  it('what is exposed is what was set', () => {
    run((_, headers, { exposeHeaders }) => {
      const names = [...headers.keys()].filter((name) => /ratelimit|retry-after/i.test(name))
      expect(headers.get('Access-Control-Expose-Headers')).toBe(exposeHeaders === true && names.length > 0 ? names.join(', ') : undefined)
    })
  })

  it('a decision that is not enforced changes nothing', () => {
    const silent = fc.constantFrom<Decision['mode']>('shadow', 'off')
    fc.assert(
      fc.property(entries, parts, silent, (all, given, mode) => {
        const more = { decision: decision(given, { mode, allowed: true, policy: 'silent' }), shorthand: false }
        expect(render([...all, more])).toEqual(render(all))
      }),
    )
  })
})

function parsed(value: string | undefined): readonly Item[] {
  expect(value).not.toBe('')
  return value === undefined ? [] : (parseList(value) as Item[])
}

function bytes(value: unknown): readonly number[] | undefined {
  return value === undefined ? undefined : [...(value instanceof Uint8Array ? value : new Uint8Array(value as ArrayBuffer))]
}
