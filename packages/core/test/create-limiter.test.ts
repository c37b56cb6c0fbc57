import { createLimiter, ip, setEnabled, slidingWindow, tokenBucket } from '@sluice/core'
import { describe, expect, it } from 'vitest'
import { good, loose, refusal } from './refusal.ts'

describe('the options of a limiter are refused', () => {
  const minute = slidingWindow(good)
  it.each([
    [{}, 'ERR_OPTION_INVALID'],
    [{ limits: minute }, 'ERR_OPTION_INVALID'],
    [{ limits: [{ name: 'a', limit: 1 }] }, 'ERR_OPTION_INVALID'],
    [{ limits: [null] }, 'ERR_OPTION_INVALID'],
    [{ limits: [minute], tiers: [] }, 'ERR_OPTION_INVALID'],
    [{ tiers: {} }, 'ERR_OPTION_INVALID'],
    [{ tiers: { free: minute } }, 'ERR_OPTION_INVALID'],
    [{ limits: [minute], mode: 'on' }, 'ERR_OPTION_INVALID'],
    [{ limits: [minute], failMode: 'yes' }, 'ERR_OPTION_INVALID'],
    [{ limits: [minute], store: {} }, 'ERR_OPTION_INVALID'],
    [{ limits: [minute], store: null }, 'ERR_OPTION_INVALID'],
    [{ limits: [minute], on: { decision: 1 } }, 'ERR_OPTION_INVALID'],
    [{ limits: [minute], on: { desicion: () => undefined } }, 'ERR_OPTION_UNKNOWN'],
    [{ limits: [minute], name: 'a b' }, 'ERR_NAME_INVALID'],
    [{ limits: [minute], keyPrefix: 'x' }, 'ERR_OPTION_UNKNOWN'],
    [{ limits: [minute, slidingWindow({ ...good, name: 'b', key: ip() })] }, 'ERR_LIMIT_KEY'],
  ])('%j', (options, code) => {
    expect(refusal(() => loose.createLimiter(options)).code).toBe(code)
  })

  it('trap: two limits with one name, ignoring case', () => {
    const { code, message } = refusal(() => createLimiter({ limits: [minute, tokenBucket({ name: 'A', limit: 1, window: '1s' })] }))
    expect(code).toBe('ERR_NAME_DUPLICATE')
    expect(message).toContain('"A" twice')
  })

  it('a wrong value for setEnabled() or store, with what is expected', () => {
    expect(refusal(() => setEnabled('no' as never)).message).toContain('expected true or false, got the string "no"')
    for (const options of [{ maxSubjects: 0 }, { maxSubjects: 1.5 }, { maxSubjects: 20_000_000 }, { overflow: 'drop' }, { clock: {} }]) {
      expect(refusal(() => loose.memoryStore(options)).code).toBe('ERR_OPTION_INVALID')
    }
    expect(refusal(() => loose.memoryStore({ max: 1 })).code).toBe('ERR_OPTION_UNKNOWN')
  })
})
