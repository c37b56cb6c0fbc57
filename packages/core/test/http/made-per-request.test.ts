import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { memoryStore, type RateLimitOptions, type Store, type StoreEvent } from '@sluice/core'
import { createPipeline, type Host } from '@sluice/core/adapter-kit'
import { waitUntil } from '@sluice/testing'
import { describe, expect, it } from 'vitest'

const host: Host<object> = {
  id: (request) => request,
  method: () => 'GET',
  address: () => '192.0.2.1',
  header: () => undefined,
}

describe('F06: a limiter that is made in a request handler', () => {
  const codes: string[] = []
  const on = { warning: (event: StoreEvent) => void codes.push((event as { readonly code: string }).code) }
  const warned = () => codes.splice(0)

  it('is reported once', () => {
    for (let i = 0; i < 50; i++) void createPipeline(host, { name: 'inside', limit: 1, on })({})
    expect(warned()).toEqual(['WARN_LIMITER_PER_REQUEST'])
  })

  it('is reported once on a shared store, too', () => {
    const store = memoryStore()
    for (let i = 0; i < 50; i++) void createPipeline(host, { name: 'shared', limit: 1, store, on })({})
    expect(warned()).toEqual(['WARN_NAME_SHARED', 'WARN_LIMITER_PER_REQUEST'])
  })

  it('is not one that was made before, or decides a second request, or has another definition', async () => {
    const made = Array.from({ length: 50 }, () => createPipeline(host, { name: 'before', limit: 1, on }))
    await Promise.resolve()
    for (const decide of made) void decide({})
    for (let i = 0; i < 50; i++) {
      const decide = createPipeline(host, { name: 'kept', limit: 1, on })
      void decide({})
      void decide({})
      void createPipeline(host, { name: `tenant-${i}`, limit: 1, on })({})
    }
    expect(warned()).toEqual([])
  })

  it('is not kept by the store', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const memory = memoryStore()
    let listeners = 0
    const store: Store = {
      name: 'spy',
      consume: (charges, options) => memory.consume(charges, options),
      reset: (charges) => memory.reset(charges),
      subscribe(listener) {
        listeners += 1
        const end = memory.subscribe?.(listener)
        return () => {
          listeners -= 1
          end?.()
        }
      },
    }
    const options: RateLimitOptions<object> = { name: 'leak', limit: 1, store, on }
    const kept = createPipeline(host, options)
    for (let i = 0; i < 500; i++) void createPipeline(host, options)({})
    await waitUntil('the limiters to be collected', () => {
      collect()
      return listeners <= 10
    })
    expect(listeners).toBeGreaterThanOrEqual(1)
    void kept({})
  })
})
