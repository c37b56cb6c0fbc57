// examples/policies as a person runs it: one command, two processes, a document that changes, ended by Ctrl-C.
import { afterEach, expect, test } from 'vitest'
import { nodeProgram, runProgram, type RunningProgram } from './support/running-program.ts'

let program: RunningProgram | undefined
afterEach(() => program?.stop())

test('an edit is in force in both processes, a bad one is refused with its line, and the commands say what they do', async () => {
  program = runProgram(nodeProgram('examples', 'policies', 'main.ts'), { env: { PORT: '0', REDIS_URL: undefined } })
  const started = program
  // Each step has its own time: many programs start here.
  for (const step of [/line 23, column 58/, /policies test:/, /policies replay:/, /Ctrl-C ends it\./]) await started.waitFor(step)
  const parts = started.output().split('── ').slice(1)
  const rows = (text: string | undefined) =>
    [...(text ?? '').matchAll(/^GET \S+ +(\d{3}) +([AB]) +"shop\.api\.minute";q=(\d+)\S* +"shop\.api\.minute";r=(\d+)/gm)].map(
      ([, ...cells]) => cells,
    )
  expect(rows(parts[0])).toEqual([
    ['200', 'A', '3', '2'],
    ['200', 'B', '3', '1'],
    ['200', 'A', '3', '0'],
    ['429', 'B', '3', '0'],
  ])
  expect(rows(parts[1])).toEqual([
    ['200', 'A', '6', '2'],
    ['200', 'B', '6', '1'],
    ['200', 'A', '6', '0'],
    ['429', 'B', '6', '0'],
  ])
  expect(parts[2]).toContain('line 23, column 58: policies[1].rules[0].tiers.free[0].limit: expected a number, got "six"')
  expect(rows(parts[2])).toEqual([['200', 'A', '6', '5']])
  expect(parts[3]).toContain('api.minute was 3 per 1m and is 6 per 1m')
  expect(parts[4]).toContain('3 tests, 1 failed')
  expect(parts[5]).toContain('92 limited, 21 refused (18.8 %)')
  expect(await started.interrupt()).toEqual([0, null])
  expect(started.output()).not.toMatch(/^\s+at /m)
}, 150_000)
