import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startRedis } from '@sluice/testing/redis'
import { afterAll, expect, test } from 'vitest'

const server = await startRedis()
afterAll(() => server.stop())

test('D03: after app.close() the process ends, since no socket to Redis is left', async () => {
  const program = join(import.meta.dirname, 'shut-down.program.ts')
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=source', program, server.url], { timeout: 50_000 })
  expect(stdout).toBe('200 99\n')
})
