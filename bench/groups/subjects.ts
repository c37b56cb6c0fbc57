// What a decision costs as subjects become many.
import type { Group } from '../report.ts'
import type { Rounds } from '../rounds.ts'
import { BARE, inMemory, PEER, SLUICE } from './memory.ts'

const LANES = [BARE, SLUICE, PEER]

export const subjects: Group = {
  name: 'subjects',
  title: 'In memory, by the number of subjects',
  about: 'One limit each. What grows is what the processor cannot keep near it: every lane slows down, and how much is the row.',
  full: [11, 300],
  quick: [5, 100],
  isLong: true,
  async run(settings) {
    const counts = settings.isQuick ? [10_000, 1_000_000] : [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
    const found: Rounds[] = []
    for (const count of counts) found.push(await inMemory(LANES, count, settings))
    const rates = (name: string) => found.map((rounds) => rounds.median(name))
    return {
      tables: [
        {
          columns: ['subjects', ...LANES.map((name) => `${name}, /s`), 'Sluice of the Map', 'Sluice of the peer'],
          rows: found.map((rounds, i) => [
            (counts[i] as number).toLocaleString('en'),
            ...LANES.map((name) => Math.round(rounds.median(name))),
            rounds.ratio(SLUICE, BARE),
            rounds.ratio(SLUICE, PEER),
          ]),
        },
      ],
      bars: [],
      charts: [
        {
          file: 'subjects',
          title: 'In memory, by the number of subjects',
          unit: 'decisions/s',
          series: LANES.map((name) => ({ name, values: rates(name) })),
          over: { what: 'subjects', at: counts },
        },
      ],
      data: Object.fromEntries(counts.map((count, i) => [count, found[i]])),
    }
  },
}
