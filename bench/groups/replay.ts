// An access log of a million lines, decided under a document with ten policies: `sluice policies replay`.
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { MeasuredProcess } from '../measure/process.ts'
import type { Group } from '../report/report.ts'
import type { Taken } from './replay-process.ts'

const LINES = 1_000_000
const ADDRESSES = [50_000, 650_000]
const POLICY = fileURLToPath(new URL('../../packages/policies/test/samples/needs.yaml', import.meta.url))
const PATHS = ['/v1/orders/', '/search?q=', '/x/', '/export?']
/** A prime, so that no address comes soon again: the worst case for the caches of the processor. */
const STEP = 7_919

export const replay: Group = {
  name: 'replay',
  title: 'Replay of an access log',
  about: `${LINES.toLocaleString('en')} lines of nginx over 55 minutes, decided under the ten policies of \`needs.yaml\`. The lines alone are read by \`node:readline\`. Each has a process of its own; the memory is the largest of the whole process.`,
  full: [3, 0],
  quick: [1, 0],
  isLong: true,
  async run({ rounds }) {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
    const samples: { readonly addresses: number; readonly lines: Taken; readonly replay: Taken }[] = []
    try {
      for (const addresses of ADDRESSES) {
        const log = join(folder, `${addresses}.log`)
        await writeLog(log, addresses)
        for (let round = 0; round < rounds; round++)
          samples.push({ addresses, lines: await taken('lines', log), replay: await taken('replay', log) })
        rmSync(log)
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
    // Other programs only add to each of these.
    const least = (addresses: number, of: (sample: (typeof samples)[number]) => number): number =>
      Math.min(...samples.filter((sample) => sample.addresses === addresses).map(of))
    const rows = ADDRESSES.map((addresses) => {
      const cpu = least(addresses, ({ replay: { cpuSeconds } }) => cpuSeconds)
      return [
        addresses.toLocaleString('en'),
        least(addresses, ({ replay: { seconds } }) => seconds),
        cpu,
        cpu / least(addresses, ({ lines: { cpuSeconds } }) => cpuSeconds),
        Math.round(least(addresses, ({ replay: { megabytes } }) => megabytes)),
      ]
    })
    return {
      tables: [{ columns: ['addresses', 'seconds', 'CPU seconds', 'CPU of the lines alone', 'MB'], rows }],
      targets: ADDRESSES.flatMap((addresses) => [
        {
          what: `${addresses.toLocaleString('en')} addresses`,
          must: 'at most',
          target: 10,
          measured: least(addresses, ({ replay: { seconds } }) => seconds),
          unit: 's',
        },
        {
          what: `${addresses.toLocaleString('en')} addresses`,
          must: 'at most',
          target: 300,
          measured: least(addresses, ({ replay: { megabytes } }) => megabytes),
          unit: 'MB',
        },
      ]),
      data: samples,
    }
  },
}

async function taken(contender: string, log: string): Promise<Taken> {
  const process = new MeasuredProcess('groups/replay-process.ts', [contender, log, POLICY])
  return process.nextMessage<Taken>()
}

async function writeLog(file: string, addresses: number): Promise<void> {
  const out = createWriteStream(file)
  for (let i = 0; i < LINES; i++) {
    const second = Math.floor(i / 300)
    const address = (i * STEP) % addresses
    const ip = `203.${Math.floor(address / 62_500)}.${Math.floor(address / 250) % 250}.${(address % 250) + 1}`
    const time = `30/Nov/2026:08:${pad(Math.floor(second / 60))}:${pad(second % 60)} +0000`
    const line = `${ip} - - [${time}] "GET ${PATHS[i % PATHS.length]}${i % 1_000} HTTP/1.1" 200 612 "-" "Mozilla/5.0 (X11; Linux x86_64)"\n`
    if (!out.write(line)) await once(out, 'drain')
  }
  await new Promise((resolve) => out.end(resolve))
}

function pad(number: number): string {
  return String(number).padStart(2, '0')
}
