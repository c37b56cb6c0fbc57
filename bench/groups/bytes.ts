// Bytes of memory for each subject: the heap of a fresh process before and after a million subjects.
import { MeasuredProcess } from '../measure/process.ts'
import type { Group } from '../report/report.ts'
import { CONTENDERS } from './bytes-process.ts'

const MAP = 'a Map of two-number objects'
const OURS = 'Sluice, sliding window'
const QUICK = [MAP, OURS, 'rate-limiter-flexible']

export const bytes: Group = {
  name: 'bytes',
  title: 'Bytes per subject in memory',
  about:
    'One limit and 1,000,000 subjects, each requested once, measured after garbage collection. The text of the key counts, since a limiter keeps it.',
  full: [3, 0],
  quick: [1, 0],
  async run({ isQuick, rounds }) {
    const bytesOf = new Map<string, number>()
    for (const name of isQuick ? QUICK : Object.keys(CONTENDERS)) {
      const values: number[] = []
      for (let round = 0; round < rounds; round++) {
        const contender = new MeasuredProcess('groups/bytes-process.ts', [name], ['--expose-gc', '--max-old-space-size=8192'])
        values.push((await contender.nextMessage<{ bytes: number }>()).bytes)
        contender.stop()
      }
      bytesOf.set(name, Math.min(...values))
    }
    const of = (name: string) => bytesOf.get(name) as number
    return {
      tables: [{ columns: ['contender', 'bytes a subject'], rows: [...bytesOf].map(([name, value]) => [name, Math.round(value)]) }],
      targets: [
        { what: 'a subject under one limit', must: 'at most', target: 133, measured: of(OURS), unit: 'bytes' },
        { what: 'the same, relative to the Map of two-number objects', must: 'at most', target: 1, measured: of(OURS) / of(MAP) },
      ],
      charts: [
        {
          file: 'bytes',
          title: 'In memory, 1,000,000 subjects',
          unit: 'bytes a subject',
          series: [...bytesOf].map(([name, value]) => ({ name, values: [value] })),
        },
      ],
      data: Object.fromEntries(bytesOf),
    }
  },
}
