import { amendLimit, createLimiter, fixedWindow, isSluiceError, type LimitRule, memoryStore, slidingWindow } from '@sluice/core'
import { describe, expect, it, vi } from 'vitest'
import { isSameLimit } from '../src/layers/same-limit.ts'
import { good, loose, refusal } from './refusal.ts'

const minute = (label?: string, name = 'minute') => fixedWindow({ name, label, limit: 2, window: '1m' })

describe('the label of a limit', () => {
  it.each([
    ['not text', 5],
    ['null', null],
    ['empty', ''],
    ['only spaces', '  '],
    ['a line break', 'a\nb'],
    ['DEL', 'a\x7f'],
    ['no ASCII', 'größe'],
    ['65 characters', 'x'.repeat(65)],
  ])('Pj: %s is refused in every factory', (_, label) => {
    const expected = {
      code: 'ERR_OPTION_INVALID',
      message: expect.stringContaining('limit "a": label: expected 1 to 64 characters of printable ASCII'),
    }
    for (const factory of [loose.slidingWindow, loose.slidingLog, loose.fixedWindow, loose.tokenBucket, loose.leakyBucket])
      expect(refusal(() => factory({ ...good, label }))).toMatchObject(expected)
    expect(refusal(() => loose.concurrency({ name: 'a', ttl: '1s', limit: 1, label }))).toMatchObject(expected)
    expect(refusal(() => amendLimit(slidingWindow(good), { label: label as string }))).toMatchObject(expected)
  })

  it('Pj: any printable ASCII of 64 characters is valid in every factory', () => {
    const label = String.raw` 5-in-2hrs "\~`.padEnd(64, '!')
    for (const factory of [loose.slidingWindow, loose.slidingLog, loose.fixedWindow, loose.tokenBucket, loose.leakyBucket])
      expect((factory({ ...good, label }) as LimitRule).limit.label).toBe(label)
    expect((loose.concurrency({ name: 'a', ttl: '1s', limit: 1, label }) as LimitRule).limit.label).toBe(label)
    expect(slidingWindow({ ...good, label: undefined }).limit).not.toHaveProperty('label')
  })

  it('Pj: two limits of one set do not show the same text', () => {
    const hour = (label?: string) => fixedWindow({ name: 'hour', label, limit: 9, window: '1h' })
    const codeOf = (...limits: LimitRule[]) => {
      try {
        createLimiter({ name: 'api', limits })
        return undefined
      } catch (error) {
        return isSluiceError(error) ? error.code : error
      }
    }
    expect(codeOf(minute('2'), hour('2'))).toBe('ERR_NAME_DUPLICATE')
    expect(codeOf(minute('Two'), hour('two'))).toBe('ERR_NAME_DUPLICATE')
    expect(codeOf(minute('hour'), hour())).toBe('ERR_NAME_DUPLICATE')
    expect(codeOf(minute('api.hour'), hour())).toBe('ERR_NAME_DUPLICATE')
    expect(codeOf(minute('hour'), hour('nine'))).toBe('ERR_NAME_DUPLICATE')
    expect(codeOf(minute('minute'), hour('9 an hour'))).toBeUndefined()
    expect(() => createLimiter({ tiers: { free: [minute('2'), hour('2')] } })).toThrow(
      'tiers.free: limit "minute": label: expected a text that no other limit shows, ignoring case, got "2", which limit "hour" has',
    )
    // One request has one tier.
    void createLimiter({ tiers: { free: [minute('2')], pro: [hour('2')] } }).close()
  })

  it('Pj: limiters that differ in labels alone share one state, and no name is taken', async () => {
    const store = memoryStore({ clock: { now: () => 0 } })
    const warning = vi.fn<(event: { readonly code: string }) => void>()
    const one = createLimiter({ limits: [minute('one')], store, on: { warning } })
    const two = createLimiter({ limits: [minute('two')], store, on: { warning } })
    const plain = createLimiter({ limits: [minute()], store, on: { warning } })
    expect(warning.mock.calls.map(([{ code }]) => code)).toEqual(['WARN_NAME_SHARED'])
    expect([(await one.consume('u')).remaining, (await two.consume('u')).remaining, (await plain.consume('u')).allowed]).toEqual([
      1,
      0,
      false,
    ])
    expect((await two.peek('u')).binding?.label).toBe('two')
  })

  it('Pj: layers take limits that differ in labels alone for one limit', () => {
    expect(isSameLimit(minute('one').limit, minute().limit)).toBe(true)
    expect(isSameLimit(minute('one').limit, amendLimit(minute('one'), { limit: 3 }).limit)).toBe(false)
  })

  it('Pj: amendLimit and the numbers of a request keep it', async () => {
    expect(amendLimit(minute('two'), { limit: 3 }).limit.label).toBe('two')
    expect(amendLimit(minute('two'), { limit: 3, label: 'three' }).limit.label).toBe('three')
    expect(amendLimit(minute(), { label: 'two' }).limit.label).toBe('two')
    const { binding } = await createLimiter({ limits: [minute('two')] }).consume('u', { numbers: { minute: { limit: 5 } } })
    expect(binding).toMatchObject({ label: 'two', limit: 5 })
  })
})
