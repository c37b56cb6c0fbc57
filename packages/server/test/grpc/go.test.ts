// grpc-go as a client of the service: health, deadline, cancel, stream, and what a client may not do. Slow tier: Go builds it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { waitUntil } from '@sluice/testing'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { serve } from '../../src/index.ts'
import { buildGoClient, type GoClient } from './go-client.ts'
import { RECORDED_DOCUMENT } from './recorded/recording.ts'
import { sourceOf } from './sources.ts'

let go: GoClient
beforeAll(() => {
  go = buildGoClient()
}, 300_000)
afterAll(() => go?.remove())

test('grpc-go', { timeout: 120_000 }, async () => {
  const service = await serve({
    http: false,
    grpc: { port: 0 },
    drain: { delay: 0, timeout: 5_000 },
    policies: sourceOf(RECORDED_DOCUMENT),
  })
  onTestFinished(() => service.close())
  const child = spawn(go.path, [new URL(service.grpc?.url ?? '').host, 'check'], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'close')
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await waitUntil('the client to watch', () => child.exitCode !== null || output.startsWith('watching\n'), 90_000)
  await service.close()
  expect(await ended).toEqual([0, null])
  expect(JSON.parse(output.replace('watching\n', ''))).toEqual({
    admitted: 1,
    again: 1,
    refused: 2,
    health: 'SERVING',
    'unknown method': 'Unimplemented',
    'unknown domain': 'NotFound',
    'no descriptor': 'InvalidArgument',
    'too large': 'ResourceExhausted',
    compressed: 'Unimplemented',
    deadline: 'DeadlineExceeded',
    cancelled: 'Canceled',
    'after these': 2,
    streamed: 3_000,
    states: ['SERVING', 'NOT_SERVING'],
    end: 'Unavailable',
  })
})
