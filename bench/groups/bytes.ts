// What a subject costs in memory: a fresh process for each lane, its heap before and after a million subjects.
import { Child } from '../child.ts'
import type { Group } from '../report.ts'
import { HEAPS } from './bytes-process.ts'

const MAP = 'a Map of two-number objects'
const OURS = 'Sluice, sliding window'
const QUICK = [MAP, OURS, 'rate-limiter-flexible']

export const bytes: Group = {
  name: 'bytes',
  title: 'Bytes per subject in memory',
  about:
    'One limit, 1,000,000 subjects, each asked for once; the text of the key counts, as whoever keeps it pays for it. After collection.',
  full: [3, 0],
  quick: [1, 0],
  async run({ isQuick, rounds }) {
    const found = new Map<string, number>()
    for (const name of isQuick ? QUICK : Object.keys(HEAPS)) {
      const values: number[] = []
      for (let round = 0; round < rounds; round++) {
        const child = new Child('groups/bytes-process.ts', [name], ['--expose-gc', '--max-old-space-size=8192'])
        values.push((await child.next<{ bytes: number }>()).bytes)
        child.stop()
      }
      found.set(name, Math.min(...values))
    }
    const of = (name: string) => found.get(name) as number
    return {
      tables: [{ columns: ['lane', 'bytes a subject'], rows: [...found].map(([name, value]) => [name, Math.round(value)]) }],
      bars: [
        { what: 'a subject under one limit', must: 'at most', bar: 133, got: of(OURS), unit: 'bytes' },
        { what: 'the same, of the Map of two-number objects', must: 'at most', bar: 1, got: of(OURS) / of(MAP) },
      ],
      charts: [
        {
          file: 'bytes',
          title: 'In memory, 1,000,000 subjects',
          unit: 'bytes a subject',
          series: [...found].map(([name, value]) => ({ name, values: [value] })),
        },
      ],
      data: Object.fromEntries(found),
    }
  },
}
