import { CODES, createLimiter, fixedWindow, isSluiceError, slidingWindow, SluiceError } from '@sluice/core'
import { describe, expect, it, vi } from 'vitest'
import { good, loose, refusal } from './refusal.ts'

describe('an error', () => {
  it('has a code, a name, and a message that names its page', () => {
    const error = new SluiceError('ERR_NAME_TAKEN', 'what was expected, and what came', { cause: 'why' })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'SluiceError', code: 'ERR_NAME_TAKEN', cause: 'why' })
    expect(error.message).toMatch(/^what was expected, and what came \(ERR_NAME_TAKEN, see (https:\S+\/)?docs\/errors\.md\)$/)
  })

  it('of another copy of the package is recognised, though it is no instance of the class', async () => {
    vi.resetModules()
    const copy: typeof import('@sluice/core') = await import('@sluice/core')
    const theirs = (() => {
      try {
        return copy.slidingWindow({ name: 'a', limit: -1, window: '1m' })
      } catch (error) {
        return error
      }
    })()
    expect(copy.slidingWindow).not.toBe(slidingWindow)
    expect(theirs).not.toBeInstanceOf(SluiceError)
    expect(isSluiceError(theirs)).toBe(true)
  })

  it('is not recognised by its code alone', () => {
    for (const other of [new Error('x'), { code: 'ERR_NAME_TAKEN' }, null, undefined, 'ERR_NAME_TAKEN', () => undefined])
      expect(isSluiceError(other)).toBe(false)
  })

  it('trap: a refused value cannot forge a line of a log', () => {
    const forged = 'a\r\nERROR all is lost\u2028\u202e\x9b31m'
    const refusals = [
      () => slidingWindow({ name: 'a', limit: 1, window: '1m', [forged]: 1 } as never),
      () => slidingWindow({ name: forged, limit: 1, window: '1m' }),
      () => fixedWindow({ name: { toString: null } as never, limit: 1, window: '1m', anchor: 'x' as never }),
      () => slidingWindow({ name: 'a', limit: 1, window: forged as never }),
      () => createLimiter(Symbol(forged) as never),
    ]
    for (const refused of refusals) expect(refused).toThrow(/^[\x20-\x7e…]{1,400}$/)
    expect(() => slidingWindow({ name: 'a', limit: 1, window: '1m', ['x'.repeat(10_000)]: 1 } as never)).toThrow(/^.{1,300}$/)
  })

  it('has one of a list of codes, in which each is listed once', () => {
    expect(new Set(CODES).size).toBe(CODES.length)
    for (const code of CODES) expect(code).toMatch(/^(ERR|WARN|ANOMALY)_[A-Z_]+$/)
  })
})

describe('a value in a message', () => {
  it('is short, and shows its type', () => {
    const messageOf = (maxLog: unknown) => refusal(() => loose.slidingLog({ ...good, maxLog })).message
    expect(messageOf('x'.repeat(500))).toContain(`got the string "${'x'.repeat(64)}…"`)
    expect(messageOf(() => 1)).toContain('got a function')
    expect(messageOf([1, 2])).toContain('got an array of 2')
    expect(messageOf({ a: 1 })).toContain('got an object')
    expect(messageOf(5n)).toContain('got 5n')
    expect(messageOf(Symbol('s'))).toContain('got Symbol(s)')
  })
})
