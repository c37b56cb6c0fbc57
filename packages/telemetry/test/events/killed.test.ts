// It waits for real time: in the slow tier only.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { UsageRow } from '@sluice/telemetry'
import { expect, onTestFinished, test } from 'vitest'
import { viewOf } from './support.ts'

test('a process that is killed loses the counts of its last 10 s at most', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-killed-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'events.jsonl')
  const child = spawn(process.execPath, ['--conditions=source', join(import.meta.dirname, 'counting.program.ts'), file])
  onTestFinished(() => void child.kill('SIGKILL'))
  const decided: { readonly count: number; readonly at: number }[] = []
  child.stdout.on('data', (chunk) => decided.push({ count: Number(String(chunk).trim().split('\n').at(-1)), at: performance.now() }))
  await expect.poll(() => decided.length).toBeGreaterThan(0)
  await sleep(26_000)
  const killed = performance.now()
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('close', resolve))
  const rows = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as UsageRow & { topic: string })
    .filter(({ topic, policy }) => topic === 'sluice.usage.v1' && policy === '')
  const counted = viewOf(rows, ({ verdict }) => verdict).get('allowed')?.requests ?? 0
  // A second more, for the way of the numbers to this process.
  const before = decided.findLast(({ at }) => at < killed - 11_000)
  expect(before?.count).toBeGreaterThan(0)
  expect(counted).toBeGreaterThanOrEqual(before?.count ?? Infinity)
  expect(counted).toBeLessThanOrEqual(decided.at(-1)?.count ?? 0)
})
