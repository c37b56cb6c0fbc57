import { fakeClock } from '@sluice/testing'
import { describe, expect, test } from 'vitest'
import { type CheckOptions, concurrency, createCheck, fixedWindow, header, memoryStore } from '../src/index.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const standing = () => memoryStore({ clock: fakeClock(1_800_000_000_000) })
const ask = (init?: RequestInit) => new Request('http://sluice.test/path', init)
const ok = () => new Response('ok')
const nine = (): CheckOptions => ({ limits: [minute(9)], address: () => '192.0.2.1', store: standing() })
const one = (): CheckOptions => ({
  limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })],
  key: () => 'ann',
  store: standing(),
})

describe('createCheck', () => {
  test('decides only: a refusal to return, or a response to send', async () => {
    const check = createCheck({ ...nine(), limits: [minute(1)] })
    const first = await check(ask())
    expect([first.refusal, first.decision?.remaining, first.headers.length]).toEqual([undefined, 0, 5])
    expect(first.send(ok()).headers.get('x-ratelimit-remaining')).toBe('0')
    const { refusal, decision } = await check(ask())
    expect([refusal?.status, refusal?.headers.get('retry-after'), decision?.verdict]).toEqual([429, '60', 'refused'])
    expect(await refusal?.json()).toMatchObject({ title: 'Quota Exceeded' })
  })

  test('the holder stays until what was sent has been read, or the request is abandoned', async () => {
    const check = createCheck(one())
    const left = async () => (await check.limiter.peek('ann')).remaining
    const sent = (await check(ask())).send(ok())
    expect(await left()).toBe(0)
    await sent.text()
    expect(await left()).toBe(1)
    const second = await check(ask())
    expect(await left()).toBe(0)
    second.abandon()
    expect(await left()).toBe(1)
  })

  test('a skipped request has nothing to add', async () => {
    const check = createCheck({ ...nine(), skip: (request) => request.headers.has('x-skip') })
    const { refusal, decision, headers } = await check(ask({ headers: { 'x-skip': '1' } }))
    expect([refusal, decision, headers]).toEqual([undefined, undefined, []])
  })

  test('a missing credential is refused', async () => {
    const check = createCheck({ ...nine(), key: header('x-api-key'), missing: 'reject' })
    const { refusal } = await check(ask())
    expect([refusal?.status, refusal?.headers.get('www-authenticate')]).toEqual([401, 'ApiKey'])
  })

  test('the option error is not one of a check', () => {
    expect(() => createCheck({ error: ok } as never)).toThrow('"error" is not an option')
  })
})
