import { describe, expect, it } from 'vitest'
import { good, loose, refusal } from './refusal.ts'

describe('an unknown option', () => {
  it.each([
    ['windowMs', 'window'],
    ['max', 'limit'],
    ['points', 'limit'],
    ['duration', 'window'],
    ['ttl', 'window'],
    ['keyGenerator', 'key'],
    ['timeWindow', 'window'],
  ])('trap: %s, of another library, is refused with the name here', (foreign, proposal) => {
    const { code, message } = refusal(() => loose.slidingWindow({ ...good, [foreign]: 1 }))
    expect(code).toBe('ERR_OPTION_UNKNOWN')
    expect(message).toContain(`"${foreign}" is not an option; use ${proposal}`)
  })

  it('that is misspelled is refused with a proposal', () => {
    expect(refusal(() => loose.slidingWindow({ ...good, windw: 1 })).message).toContain('"windw" is not an option; use window')
    expect(refusal(() => loose.tokenBucket({ ...good, bursts: 1 })).message).toContain('use burst')
    expect(refusal(() => loose.slidingWindow({ ...good, qqqqqq: 1 })).message).toContain('expected one of name, limit, window, key')
    expect(refusal(() => loose.slidingWindow({ ...good, nam3: 1 })).message).toContain('use name')
    expect(refusal(() => loose.slidingWindow({ ...good, bay: 1 })).message).toContain('expected one of')
    expect(refusal(() => loose.slidingWindow(undefined as never)).code).toBe('ERR_OPTION_INVALID')
    expect(refusal(() => loose.slidingWindow([] as never)).code).toBe('ERR_OPTION_INVALID')
  })
})
