// What a subject costs in Redis: the script that makes the table of docs/redis.md, with fewer subjects.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Bar, Group } from '../report.ts'

const SCRIPT = fileURLToPath(new URL('../../scripts/redis-bytes.ts', import.meta.url))

export const redisBytes: Group = {
  name: 'redis-bytes',
  title: 'Bytes per subject in Redis',
  about: 'Key, value, expiry and their place in the tables of a fresh server, as it tells its own memory.',
  full: [1, 1_000_000],
  quick: [1, 20_000],
  async run({ ms: subjects }) {
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=source', SCRIPT, String(subjects)])
    const rows = stdout
      .split('\n')
      .slice(2)
      .filter((line) => line.startsWith('|'))
      .map(
        (line) =>
          line
            .split('|')
            .slice(1, 3)
            .map((cell) => cell.trim()) as [string, string],
      )
    const bars = rows.flatMap(([what, bytes]): Bar[] => {
      const bar = what.includes('packed')
        ? what.startsWith('fixed')
          ? 20
          : 25
        : what === 'fixedWindow' || what === 'slidingWindow'
          ? 80
          : 0
      return bar === 0 ? [] : [{ what, must: 'at most', bar, got: Number(bytes), unit: 'bytes' }]
    })
    return {
      tables: [{ title: `${subjects.toLocaleString('en')} subjects`, columns: ['state', 'bytes a subject'], rows }],
      bars,
      data: Object.fromEntries(rows),
    }
  },
}
