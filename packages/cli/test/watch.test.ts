import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { type ChildProcess, spawn } from 'node:child_process'
import { createLimiter, fixedWindow } from '@sluice/core'
import { decisionEvents, jsonLines } from '@sluice/telemetry'
import { waitUntil } from '@sluice/testing/processes'
import { describe, expect, onTestFinished, test } from 'vitest'
import { BIN, newFolder, sluice } from './sluice.ts'

const SECRET = 'a secret of this test'
const folder = newFolder()

const event = {
  topic: 'sluice.decisions.v1',
  id: '1',
  at: Date.UTC(2026, 10, 30, 14, 3, 7, 123),
  region: 'eu',
  namespace: 'shop',
  tenant: 'acme',
  policy: 'api',
  limit: 'minute',
  tier: 'free',
  mode: 'enforce',
  verdict: 'refused',
  source: 'redis',
  endpoint: '/orders/:id',
  method: 'GET',
  subject: 'ab12',
  remaining: 0,
  retry_after_ms: 12_300,
  weight: 1,
  trace_id: '',
}
const allowed = { ...event, id: '2', verdict: 'allowed', remaining: 7, retry_after_ms: 0, weight: 100, mode: 'shadow', subject: 'cd34' }
const lineOf = (value: object): string => `${JSON.stringify(value)}\n`

describe('a file', () => {
  const file = folder.file('events.jsonl', lineOf(event) + lineOf({ topic: 'sluice.usage.v1', verdict: 'refused' }) + lineOf(allowed))

  test('each event is a line that a person reads', async () => {
    expect(await sluice(['watch', file, '--all', '--no-follow'])).toEqual({
      status: 0,
      out:
        '14:03:07.123  refused   shop api.minute  GET /orders/:id  ab12  tenant acme  tier free  left 0  wait 13 s  redis\n' +
        '14:03:07.123  allowed   shop api.minute  GET /orders/:id  cd34  tenant acme  tier free  shadow  left 7  redis  for 100\n',
      err: '',
    })
  })

  test('nothing that was there before, without --all', async () => {
    expect(await sluice(['watch', file, '--no-follow'])).toEqual({ status: 0, out: '', err: '' })
  })

  test('with --json, each event is a value on a line', async () => {
    const { out } = await sluice(['watch', file, '--all', '--count', '1', '--json'])
    expect(out).toBe(lineOf(event))
  })

  test.each([
    [['--verdict', 'allowed'], ['2']],
    [
      ['--verdict', 'allowed,refused'],
      ['1', '2'],
    ],
    [['--verdict', 'refused', '--mode', 'shadow'], []],
    [['--subject', 'ab12'], ['1']],
    [
      ['--endpoint', '/orders/:id', '--tenant', 'acme', '--policy', 'api'],
      ['1', '2'],
    ],
  ])('%j', async (filters, ids) => {
    const { out } = await sluice(['watch', file, '--all', '--no-follow', '--json', ...filters])
    const found = out.split('\n').filter((line) => line !== '')
    expect(found.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(ids)
  })

  test('lines of others are counted, and control no terminal', async () => {
    const hostile = { ...event, subject: '\u001B[31m', endpoint: 5, at: 'never', verdict: 'new\n' }
    const other = folder.file('hostile.jsonl', `not json\nnull\n{}\n${lineOf(hostile)}${lineOf({ ...event, tier: '' }).trimEnd()}`)
    const { out, err, status } = await sluice(['watch', other, '--all', '--no-follow'])
    expect(status).toBe(0)
    expect(err).toBe('sluice: 3 lines are no events\n')
    expect(out.split('\n')[0]).toContain('--:--:--.---  new\\u000a  shop api.minute  GET  \\u001b[31m')
    expect(out.trimEnd().split('\n')).toHaveLength(2)
  })

  test('a subject is found by its HMAC', async () => {
    const written = folder.file('hashed.jsonl', '')
    const events = decisionEvents({ sink: jsonLines(written), secret: SECRET, sample: 1 })
    const limiter = createLimiter({ name: 'watched', limits: [fixedWindow({ name: 'hour', limit: 5, window: '1h' })] })
    for (const subject of ['203.0.113.7', '198.51.100.1']) await limiter.consume(subject)
    await events.close()
    const args = ['watch', written, '--all', '--no-follow', '--subject', '203.0.113.7']
    const { out } = await sluice(args, { env: { SLUICE_SECRET: SECRET } })
    expect(out).toMatch(/^\S+ {2}allowed {3}watched watched\.hour {2}[\da-f]{32} {2}left 4 {2}memory\n$/)
    expect((await sluice(args, { env: { SLUICE_SECRET: `${SECRET}!` } })).out).toBe('')
  })

  test('the standard input', async () => {
    expect((await sluice(['watch', '-', '--json'], { input: lineOf(event) + lineOf(allowed) })).out).toBe(lineOf(event) + lineOf(allowed))
  })
})

/** A call that goes on until the test ends, and what it has printed. */
function follow(...args: readonly string[]): { readonly child: ChildProcess; readonly ids: () => readonly string[] } {
  const child = spawn(process.execPath, ['--conditions=source', '--disable-warning=ExperimentalWarning', BIN, 'watch', '--json', ...args])
  onTestFinished(() => void child.kill('SIGKILL'))
  let out = ''
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  return { child, ids: () => out.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { id: string }).id])) }
}

describe('following', () => {
  test('what is added, in pieces, and after the file was begun anew', async () => {
    const file = folder.file('followed.jsonl', lineOf({ ...event, id: 'before' }))
    const { ids } = follow(file, '--all')
    await waitUntil('the first event', () => ids().length === 1)
    const line = lineOf({ ...event, id: 'ü' })
    appendFileSync(file, line.slice(0, 30))
    appendFileSync(file, line.slice(30))
    await waitUntil('the second event', () => ids().includes('ü'))
    renameSync(file, `${file}.1`)
    writeFileSync(file, lineOf({ ...event, id: 'after' }))
    await waitUntil('the event of the new file', () => ids().includes('after'))
    expect(ids()).toEqual(['before', 'ü', 'after'])
  })
})

describe('a wrong command line', () => {
  test.each([
    [['watch'], 'expected PLACE [--verdict VERDICT]'],
    [['watch', 'none.jsonl'], 'none.jsonl cannot be read: there is no such file'],
    [['watch', 'redis://user:password@localhost'], 'expected a file, - or kafka://host:9092/topic, got redis://…@localhost'],
    [['watch', 'kafka://localhost', '--no-follow'], '--no-follow is for files'],
    [['watch', 'a', '--count', '0'], '--count: expected a whole number, at least 1, got 0'],
    [['watch', 'a', '--verdcit', 'refused'], 'did you mean --verdict?'],
  ])('%j', async (args, message) => {
    const { status, err } = await sluice(args)
    expect(status).toBe(2)
    expect(err).toContain(message)
    expect(err).not.toContain('password')
  })
})
