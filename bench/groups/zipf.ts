// Skewed traffic: a few subjects make most of the requests. Two processes with leases and the deny cache share one Redis.
import { slidingWindow } from '@sluice/core'
import { type Admission, checkEnvelope } from '@sluice/testing'
import { startRedis } from '@sluice/testing/redis'
import { MeasuredProcess } from '../measure/process.ts'
import type { Target, Group } from '../report/report.ts'
import { quantile } from '../measure/rounds.ts'
import { formatPercent } from '../report/format.ts'
import { isChecked, type ZipfResult, type ZipfJob } from './zipf-job.ts'

const PROCESSES = 2
/** Turns. After the warm-up the hottest subjects have used up their limits, as in a service that has run for a while. */
const WARM_UP = 2
const LIMITS = { 'limit 1,000 a minute': 1_000, 'a limit nobody reaches': 100_000_000 }

export const zipf: Group = {
  name: 'zipf',
  title: 'Skewed traffic, two processes',
  about: `Zipf(1.0) over 1,000,000 subjects, a sliding window, \`leases: true\` and the deny cache, 256 decisions in flight in each of ${PROCESSES} processes. Where subjects can reach the limit, the admissions of the 200 hottest are checked against the bound of the window, in every interval.`,
  full: [5, 8_000],
  quick: [1, 2_500],
  async run({ rounds, ms }) {
    const rows: (string | number)[][] = []
    const targets: Target[] = []
    const data: Record<string, unknown> = {}
    for (const [name, limit] of Object.entries(LIMITS)) {
      const turns: Traffic[] = []
      for (let round = 0; round < rounds; round++) turns.push(await measure(limit, ms))
      const median = (pick: (turn: Traffic) => number) => quantile(turns.map(pick), 0.5)
      const violations = turns.reduce((sum, turn) => sum + turn.violations, 0)
      const rate = median((sample) => sample.rate)
      const fromRedis = median((sample) => sample.redis)
      const cpu = median((sample) => sample.cpu)
      rows.push([
        name,
        Math.round(rate),
        formatPercent(median((sample) => sample.admitted)),
        formatPercent(fromRedis),
        cpu,
        isChecked(limit) ? violations : '–',
      ])
      targets.push({ what: `${name}: decisions/s of all processes`, must: 'at least', target: 1_000_000, measured: rate })
      if (isChecked(limit)) targets.push({ what: `${name}: envelope violations`, must: 'at most', target: 0, measured: violations })
      data[name] = turns
    }
    return {
      tables: [{ columns: ['traffic', 'decisions/s', 'admitted', 'reached Redis', 'client CPU µs', 'violations'], rows }],
      targets,
      data,
    }
  },
}

interface Traffic {
  readonly rate: number
  readonly admitted: number
  /** Part of the decisions that Redis made. */
  readonly redis: number
  readonly cpu: number
  readonly violations: number
}

async function measure(limit: number, ms: number): Promise<Traffic> {
  const server = await startRedis()
  const rule = slidingWindow({ name: 'minute', limit, window: '1m' })
  const processes = Array.from({ length: PROCESSES }, () => new MeasuredProcess('groups/zipf-process.ts', []))
  try {
    // Every process is ready before the first one starts.
    const job = { url: server.url, limit: rule.limit, warmUp: WARM_UP * ms, ms }
    await Promise.all(processes.map((process, seed) => process.request({ ...job, seed } satisfies ZipfJob)))
    const done = await Promise.all(processes.map((process) => process.request<ZipfResult>('go')))
    const sum = (pick: (each: ZipfResult) => number) => done.reduce((all, each) => all + pick(each), 0)
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
    for (const process of processes) process.stop()
    await server.stop()
  }
}
