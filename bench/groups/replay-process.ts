// One contender of replay.ts: `node replay-process.ts <contender> <log> <policy>` sends what it took to its parent when it ends.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** What one reading of the log took. */
export interface Taken {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly megabytes: number
}

const BIN = fileURLToPath(new URL('../src/bin.ts', import.meta.resolve('@sluice/cli')))

const [contender, log = '', policy = ''] = process.argv.slice(2)
const start = performance.now()
process.once('beforeExit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  process.send?.({
    seconds: (performance.now() - start) / 1_000,
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    megabytes: maxRSS / 1_024,
  })
  process.disconnect()
})
// The report of the command, which also comes from its worker.
process.stdout.write = () => true
process.stderr.write = () => true
if (contender === 'lines') {
  let lines = 0
  for await (const line of createInterface({ input: createReadStream(log) })) if (line !== '') lines += 1
  if (lines === 0) throw new Error(`${log} has no lines`)
} else {
  process.argv = [process.argv[0] ?? '', BIN, 'policies', 'replay', log, '--policy', policy, '--json']
  await import(BIN)
}
