// The rate of decisions as the number of subjects grows.
import type { Group } from '../report/report.ts'
import type { Rounds } from '../measure/rounds.ts'
import { BARE, inMemory, PEER, SLUICE } from './memory.ts'

const CONTENDERS = [BARE, SLUICE, PEER]

export const subjects: Group = {
  name: 'subjects',
  title: 'In memory, by the number of subjects',
  about: 'One limit. The more subjects, the less of their state fits into the caches of the processor, so every contender slows down.',
  full: [11, 300],
  quick: [5, 100],
  isLong: true,
  async run(settings) {
    const counts = settings.isQuick ? [10_000, 1_000_000] : [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
    const byCount: Rounds[] = []
    for (const count of counts) byCount.push(await inMemory(CONTENDERS, count, settings))
    const rates = (name: string) => byCount.map((rounds) => rounds.median(name))
    return {
      tables: [
        {
          columns: ['subjects', ...CONTENDERS.map((name) => `${name}, /s`), 'Sluice of the Map', 'Sluice of the peer'],
          rows: byCount.map((rounds, i) => [
            (counts[i] as number).toLocaleString('en'),
            ...CONTENDERS.map((name) => Math.round(rounds.median(name))),
            rounds.ratio(SLUICE, BARE),
            rounds.ratio(SLUICE, PEER),
          ]),
        },
      ],
      targets: [],
      charts: [
        {
          file: 'subjects',
          title: 'In memory, by the number of subjects',
          unit: 'decisions/s',
          series: CONTENDERS.map((name) => ({ name, values: rates(name) })),
          over: { label: 'subjects', positions: counts },
        },
      ],
      data: Object.fromEntries(counts.map((count, i) => [count, byCount[i]])),
    }
  },
}
