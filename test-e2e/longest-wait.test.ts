import { readFileSync } from 'node:fs'
import {
  createLimiter,
  type Decision,
  type Duration,
  fixedWindow,
  leakyBucket,
  type LimitRule,
  memoryStore,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from '@sluice/core'
import { describe, expect, it } from 'vitest'

// Newcomer 4: how long a refused client waits at most for one unit, if it made no forced charge. The docs say it per algorithm; here it is
// searched for.

type Factory = (limit: number, window: Duration) => LimitRule<'limit'>

const FACTORIES: Readonly<Record<string, Factory>> = {
  slidingWindow: (limit, window) => slidingWindow({ name: 'limit', limit, window }),
  fixedWindow: (limit, window) => fixedWindow({ name: 'limit', limit, window }),
  slidingLog: (limit, window) => slidingLog({ name: 'limit', limit, window }),
  tokenBucket: (limit, window) => tokenBucket({ name: 'limit', limit, window }),
  leakyBucket: (limit, window) => leakyBucket({ name: 'limit', limit, window }),
}

const UNITS = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000, day: 86_400_000, days: 86_400_000 } as const

function millisOf(text: string): number {
  const [, amount, unit] = /^([\d.]+) ?([a-z]+)$/.exec(text) ?? []
  return Number(amount) * UNITS[unit as keyof typeof UNITS]
}

/**
 * The longest `retryAfter` that a client gets: it spends all that it can at each of some moments of a window, which a seed varies, and is
 * refused.
 */
function longestWait(rule: LimitRule<'limit'>, windowMs: number): number {
  const start = Math.ceil(1_700_000_000_000 / windowMs) * windowMs
  let longest = 0
  for (let first = 0; first < 20; first++) {
    for (let second = 0; second < 20; second++) {
      let now = start
      const limiter = createLimiter({ limits: [rule], store: memoryStore({ clock: { now: () => now } }) })
      for (const at of [(first * windowMs) / 20, windowMs + (second * windowMs) / 20, 2 * windowMs]) {
        now = start + Math.floor(at)
        let decision = limiter.consume('u') as Decision
        while (decision.allowed) decision = limiter.consume('u') as Decision
        longest = Math.max(longest, decision.retryAfter)
      }
    }
  }
  return longest
}

const page = readFileSync(new URL('../docs/algorithms.md', import.meta.url), 'utf8')
const section = page.slice(page.indexOf('## The longest wait'))
const [head = [], , ...lines] = section
  .slice(section.indexOf('\n|') + 1, section.indexOf('\n\n', section.indexOf('\n|')))
  .split('\n')
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
const rows = lines.filter(([what]) => what !== 'in general')
const columns = head.slice(1).map((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name as string))

describe('newcomer 4: the longest wait of docs/algorithms.md is the longest that a client gets', () => {
  it('the table has every factory with a window', () => {
    expect(columns.flat().toSorted()).toEqual(Object.keys(FACTORIES).toSorted())
    expect(rows.length).toBeGreaterThanOrEqual(5)
  })

  it('of a calendar window it is the length of the window: M4, M6', () => {
    const days = { day: 1, week: 7, month: 31, quarter: 92, year: 366 } as const
    const start = Date.UTC(2028, 0, 1)
    for (const [window, most] of Object.entries(days) as [keyof typeof days, number][]) {
      const rule = fixedWindow({ name: 'limit', limit: 1, window })
      let longest = 0
      // Each day of four years, at midnight: the windows begin then.
      for (let now = start; now < start + 4 * 366 * UNITS.d; now += UNITS.d) {
        const limiter = createLimiter({ limits: [rule], store: memoryStore({ clock: { now: () => now } }) })
        void limiter.consume('u')
        longest = Math.max(longest, (limiter.consume('u') as Decision).retryAfter)
      }
      expect(longest).toBe(most * UNITS.d)
    }
  })

  for (const [what = '', ...waits] of rows) {
    const [, limit, window] = /^(\d+) per `(\w+)`$/.exec(what) ?? []
    for (const [i, names] of columns.entries()) {
      it.each(names)(`${what}: %s`, (name) => {
        const rule = (FACTORIES[name] as Factory)(Number(limit), window as Duration)
        expect(longestWait(rule, millisOf(String(window)))).toBe(millisOf(waits[i] as string))
      })
    }
  }
})
