import { createLimiter, fixedWindow, isSluiceError, memoryStore, tokenBucket, type Charge, type Store, type StoreEvent } from '@sluice/core'
import { describe, expect, it, vi } from 'vitest'

const perMinute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const codeOf = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    return isSluiceError(error) ? error.code : String(error)
  }
}

describe('names', () => {
  it('trap: two unnamed limiters on one store do not share a counter without an error or a warning', () => {
    const store = memoryStore()
    const warning = vi.fn<(event: StoreEvent) => void>()
    const first = createLimiter({ limits: [perMinute(1)], store })
    expect(codeOf(() => createLimiter({ limits: [perMinute(2)], store }))).toBe('ERR_NAME_TAKEN')
    createLimiter({ limits: [perMinute(1)], store, on: { warning } })
    expect(warning).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'WARN_NAME_SHARED' }))
    expect(codeOf(() => createLimiter({ name: 'other', limits: [perMinute(2)], store }))).toBeUndefined()
    expect(codeOf(() => createLimiter({ limits: [perMinute(2)] }))).toBeUndefined()
    void first.close()
    void first.close()
    expect(codeOf(() => createLimiter({ limits: [perMinute(2)], store }))).toBe('ERR_NAME_TAKEN')
  })

  it('the scope contains the policy, the limit and the algorithm, but no number', () => {
    const scopes: string[] = []
    const store: Store = {
      name: 'spy',
      consume: (charges) => (scopes.push(...charges.map((charge: Charge) => charge.scope)), []),
      reset: () => undefined,
    }
    void createLimiter({ name: 'api', limits: [perMinute(1)], store }).consume('u')
    void createLimiter({ name: 'api2', limits: [tokenBucket({ name: 'b', limit: 1, window: '1m' })], store, mode: 'shadow' }).consume('u')
    expect(scopes).toEqual(['api+minute.fixedWindow', '~api2+b.tokenBucket'])
  })
})
