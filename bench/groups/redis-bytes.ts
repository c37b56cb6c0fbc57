// Bytes for each subject in Redis, by redis-bytes.ts.
import { measureStates } from '../redis-bytes.ts'
import type { Group, Target } from '../report/report.ts'

export const redisBytes: Group = {
  name: 'redis-bytes',
  title: 'Bytes per subject in Redis',
  about: 'Key, value, expiry and their entries in the hash tables of a fresh server, by its own `used_memory`.',
  // The second number is subjects here, since nothing is timed.
  full: [1, 1_000_000],
  quick: [1, 20_000],
  async run({ ms: subjects }) {
    const bytesOf = new Map<string, number>()
    for await (const { name, bytes } of measureStates(subjects)) bytesOf.set(name, Number(bytes.toPrecision(3)))
    const targets = [...bytesOf].flatMap(([what, measured]): Target[] => {
      const target = targetOf(what)
      return target === undefined ? [] : [{ what, must: 'at most', target, measured, unit: 'bytes' }]
    })
    return {
      tables: [{ title: `${subjects.toLocaleString('en')} subjects`, columns: ['state', 'bytes a subject'], rows: [...bytesOf] }],
      targets,
      data: Object.fromEntries(bytesOf),
    }
  },
}

/** Bytes. States of other algorithms have no target. */
function targetOf(state: string): number | undefined {
  if (state.includes('packed')) return state.startsWith('fixed') ? 20 : 25
  if (state.includes(' and two of ')) return 230
  return state === 'fixedWindow' || state === 'slidingWindow' ? 165 : undefined
}
