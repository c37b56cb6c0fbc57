import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { replay } from '../src/index.ts'
import { limit, parsed, withPolicy } from './documents.ts'

// The whole log would stay in memory if what is kept of it were views of its text.
test('a replay keeps the subjects of a log, and not its text', async () => {
  const document = parsed(
    withPolicy('', `limits: [${limit().replace('subject: client', 'subject: address').replace('limit: 3', 'limit: 1')}]`),
  )
  const long = 'x'.repeat(4_000)
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  let most = 0
  function* pieces(): Generator<string> {
    for (let i = 0; i < 6_000; i += 50) {
      const lines = Array.from({ length: 50 }, (_, j) => {
        const n = i + j
        const ip = `203.${100 + (n >> 14)}.${100 + ((n >> 7) & 127)}.${100 + (n & 127)}`
        return `${ip} - - [30/Nov/2026:08:00:00 +0000] "GET /${long} HTTP/1.1" 200 612 "-" "curl/8.5.0 (x86_64)"\n`
      })
      yield [...lines, ...lines].join('')
    }
    collect()
    most = process.memoryUsage().heapUsed
  }
  collect()
  const before = process.memoryUsage().heapUsed
  const report = await replay(pieces(), document, { under: 1 })
  expect(report.refused).toBe(6_000)
  expect((most - before) / 2 ** 20).toBeLessThan(20)
})
