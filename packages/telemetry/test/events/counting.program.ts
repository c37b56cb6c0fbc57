// Decides until it is killed, and prints how many it has decided: `counting.program.ts <file of events>`.
import { setTimeout as sleep } from 'node:timers/promises'
import { createLimiter, fixedWindow } from '@sluice/core'
import { decisionEvents, jsonLines } from '@sluice/telemetry'

decisionEvents({ sink: jsonLines(process.argv[2] ?? ''), secret: 'a secret of this test' })
const limiter = createLimiter({ name: 'killed', limits: [fixedWindow({ name: 'hour', limit: 1_000_000, window: '1h' })] })
for (let decided = 0; ; await sleep(10)) {
  for (let i = 0; i < 5; i++) await limiter.consume('alice')
  console.log((decided += 5))
}
