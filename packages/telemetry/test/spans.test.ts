import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { createLimiter, fixedWindow } from '@sluice/core'
import { annotateSpans } from '@sluice/telemetry/opentelemetry'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { fragile } from './support.ts'
import { fakeClock } from '@sluice/testing'

const exporter = new InMemorySpanExporter()
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
const tracer = provider.getTracer('test')
const limits = [fixedWindow({ name: 'minute', limit: 1, window: '1m' })]
let stop: () => void

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  stop = annotateSpans()
})
beforeEach(() => exporter.reset())
afterAll(async () => {
  stop()
  context.disable()
  await provider.shutdown()
})

/** Runs it in a span, as the instrumentation of a server does for a request. */
async function inSpan(name: string, run: () => unknown): Promise<void> {
  const span = tracer.startSpan(name, { attributes: { 'http.route': '/jobs' } })
  await context.with(trace.setSpan(context.active(), span), async () => {
    await new Promise((resolve) => setImmediate(resolve))
    await run()
  })
  span.end()
}

const attributesOf = (name: string) => exporter.getFinishedSpans().find((span) => span.name === name)?.attributes

test('a refused request adds rate_limit attributes to its own span, an admitted one adds none', async () => {
  const limiter = createLimiter({ name: 'spans', limits })
  await Promise.all([inSpan('first', () => limiter.consume('user:4711')), inSpan('second', () => limiter.consume('user:4711'))])
  expect(attributesOf('first')).toEqual({ 'http.route': '/jobs' })
  expect(attributesOf('second')).toEqual({
    'http.route': '/jobs',
    'rate_limit.namespace': 'spans',
    'rate_limit.limit': 'minute',
    'rate_limit.mode': 'enforce',
    'rate_limit.verdict': 'refused',
    'rate_limit.source': 'memory',
    'rate_limit.remaining': 0,
    'rate_limit.retry_after_ms': expect.any(Number),
  })
  await limiter.close()
})

test('a degraded request has them too, and nothing of them names the subject', async () => {
  const store = fragile(fakeClock())
  const limiter = createLimiter({ name: 'degraded', store, failMode: 'open', on: { warning: () => undefined }, limits })
  store.isAway = true
  await inSpan('away', () => limiter.consume('user:4711'))
  expect(attributesOf('away')).toMatchObject({ 'rate_limit.verdict': 'allowed', 'rate_limit.source': 'open' })
  expect(JSON.stringify(exporter.getFinishedSpans().map(({ attributes }) => attributes))).not.toContain('user:4711')
  await limiter.close()
})

test('without an active span nothing happens', async () => {
  const limiter = createLimiter({ name: 'no-span', limits })
  await limiter.consume('x')
  expect((await limiter.consume('x')).allowed).toBe(false)
  await limiter.close()
})
