// The service as a program: what it prints, and how it ends.
import { writeFileSync } from 'node:fs'
import { makeTemporary } from './temporary.ts'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { waitUntil } from '@sluice/testing/processes'
import { Load } from './load.ts'
import { runProgram } from './running-program.ts'

// It starts processes.
vi.setConfig({ testTimeout: 180_000 })

test('it says where it listens and what to try, answers, and ends at SIGTERM with 0', async () => {
  const program = await runProgram({})
  expect(program.output()).toContain('Policies  none: 100 requests a minute for each set of attributes')
  expect(program.output()).toContain('Counts    in the memory of this process')
  expect(program.output()).toContain(`Try:  curl -i '${program.url}/check?user_id=ada'`)
  expect((await fetch(`${program.url}/check?user_id=ada`)).status).toBe(200)
  await program.process.signal('SIGTERM')
  expect(await program.ended()).toBe('code 0')
  expect(program.output()).toContain('ending: requests in flight are answered first')
})

test('a policy file is followed, and each revision in force is logged', async () => {
  const file = `${makeTemporary()}/sluice.yaml`
  const write = (revision: number, limit: number): void =>
    writeFileSync(
      file,
      `apiVersion: sluice/v1\nnamespace: shop\nrevision: ${revision}\nsubjects: { user: { parts: [{ attribute: user_id }] } }\npolicies:\n  - name: api\n    rules: [{ name: all, limits: [{ name: minute, algorithm: fixedWindow, limit: ${limit}, window: 1m, subject: user }] }]\n`,
    )
  write(1, 3)
  const program = await runProgram({ policies: file }, { SLUICE_POLICIES_INTERVAL: '100ms' })
  const policy = async (): Promise<string | null> => (await fetch(`${program.url}/check?user_id=ada`)).headers.get('ratelimit-policy')
  expect(await policy()).toBe('"shop.api.minute";q=3;w=60')
  write(2, 30)
  await waitUntil('the second revision', async () => (await policy()) === '"shop.api.minute";q=30;w=60')
  expect(program.output()).toContain('namespace shop: revision 2 is in force')
})

test('--print-config writes what holds and ends; nothing listens', async () => {
  const program = await runProgram({ 'print-config': true, workers: '2', redis: 'redis://me:pass-word@127.0.0.1:1' })
  expect(await program.ended()).toBe('code 0')
  expect(program.output()).toBe('http:\n  listen: "0"\nredis:\n  url: redis://me:***@127.0.0.1:1\nworkers: 2\n')
})

test('a configuration that is not valid ends it with 2 and the reason', async () => {
  const program = await runProgram({ workers: '0' })
  expect(await program.ended()).toBe('code 2')
  expect(program.output()).toContain('--workers: expected 1 or more, got 0')
})

test('beyond loopback without TLS it does not start', async () => {
  const program = await runProgram({ http: '0.0.0.0:0' })
  expect(await program.ended()).toBe('code 2')
  expect(program.output()).toContain('ERR_LISTEN_INSECURE')
})

describe('the drain', () => {
  test('no request is lost while one of two instances ends under load', async () => {
    // The clients of a busy machine may take more than a second to see that it is not ready.
    const [one, two] = await Promise.all([runProgram({}, { SLUICE_DRAIN_DELAY: '3s' }), runProgram({})])
    // 32 clients that go to the other instance when one is not ready, as a load balancer does.
    const load = new Load([one.url, two.url], 32)
    onTestFinished(() => load.stop())
    await waitUntil('answers of both', () => load.answeredBy(one.url) > 500 && load.answeredBy(two.url) > 500)
    await one.process.signal('SIGTERM')
    expect(await one.ended()).toBe('code 0')
    const before = load.answeredBy(two.url)
    await waitUntil('answers of the other', () => load.answeredBy(two.url) > before + 500)
    await load.stop()
    expect(load.lost).toEqual([])
  })
})
