// A skewed crowd: few subjects ask for most. Two processes with leases and the deny cache on one Redis.
import { slidingWindow } from '@sluice/core'
import { type Admission, checkEnvelope } from '@sluice/testing'
import { startRedis } from '@sluice/testing/redis'
import { Child } from '../child.ts'
import type { Bar, Group } from '../report.ts'
import { quantile } from '../rounds.ts'
import { formatPercent } from '../format.ts'
import { isChecked, type ZipfDone, type ZipfJob } from './zipf-job.ts'

const PROCESSES = 2
/** Times as long as what is measured: by then the hottest subjects have spent what they had, as in a service that has been up. */
const WARM_UP = 2
/** 1,000 a minute for each subject; and so many that nobody reaches it. */
const LIMITS = { 'limit 1,000 a minute': 1_000, 'a limit nobody reaches': 100_000_000 }

export const zipf: Group = {
  name: 'zipf',
  title: 'A skewed crowd, two processes',
  about: `Zipf(1.0) over 1,000,000 subjects, a sliding window, \`leases: true\` and the deny cache, 256 in flight in each of ${PROCESSES} processes. The admissions of the 200 hottest subjects are checked, where they can reach the limit, against what the window promises for every interval.`,
  full: [5, 8_000],
  quick: [1, 2_500],
  async run({ rounds, ms }) {
    const rows: (string | number)[][] = []
    const bars: Bar[] = []
    const data: Record<string, unknown> = {}
    for (const [name, limit] of Object.entries(LIMITS)) {
      const turns: Crowd[] = []
      for (let round = 0; round < rounds; round++) turns.push(await crowd(limit, ms))
      const median = (pick: (turn: Crowd) => number) => quantile(turns.map(pick), 0.5)
      const violations = turns.reduce((sum, turn) => sum + turn.violations, 0)
      const rate = median((turn) => turn.rate)
      const asked = median((turn) => turn.redis)
      const cpu = median((turn) => turn.cpu)
      rows.push([
        name,
        Math.round(rate),
        formatPercent(median((turn) => turn.admitted)),
        formatPercent(asked),
        cpu,
        isChecked(limit) ? violations : '–',
      ])
      bars.push({ what: `${name}: decisions/s in all`, must: 'at least', bar: 1_000_000, got: rate })
      if (isChecked(limit)) bars.push({ what: `${name}: envelope violations`, must: 'at most', bar: 0, got: violations })
      data[name] = turns
    }
    return {
      tables: [{ columns: ['crowd', 'decisions/s', 'admitted', 'reached Redis', 'client CPU µs', 'violations'], rows }],
      bars,
      data,
    }
  },
}

interface Crowd {
  readonly rate: number
  readonly admitted: number
  /** The part of the decisions that Redis itself took. */
  readonly redis: number
  readonly cpu: number
  readonly violations: number
}

async function crowd(limit: number, ms: number): Promise<Crowd> {
  const server = await startRedis()
  const rule = slidingWindow({ name: 'minute', limit, window: '1m' })
  const children = Array.from({ length: PROCESSES }, () => new Child('groups/zipf-process.ts', []))
  try {
    // All are ready before one begins.
    const job = { url: server.url, limit: rule.limit, warmUp: WARM_UP * ms, ms }
    await Promise.all(children.map((child, seed) => child.ask({ ...job, seed } satisfies ZipfJob)))
    const done = await Promise.all(children.map((child) => child.ask<ZipfDone>('go')))
    const sum = (pick: (each: ZipfDone) => number) => done.reduce((all, each) => all + pick(each), 0)
    const decisions = sum((each) => each.decisions)
    const bySubject = new Map<string, Admission[]>()
    for (const { hot } of done)
      for (const [subject, at] of hot) bySubject.set(subject, [...(bySubject.get(subject) ?? []), { at, units: 1 }])
    return {
      rate: sum((each) => (each.decisions * 1_000) / each.ms),
      admitted: sum((each) => each.admitted) / decisions,
      redis: sum((each) => each.redis) / decisions,
      cpu: sum((each) => each.cpu) / decisions,
      violations: [...bySubject.values()].reduce((all, admissions) => all + checkEnvelope(rule.limit, admissions).length, 0),
    }
  } finally {
    for (const child of children) child.stop()
    await server.stop()
  }
}
