import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { documentText, newFolder, sluice } from './sluice.ts'

const folder = newFolder()
const NEEDS = join(import.meta.dirname, '../../policies/test/samples/needs.yaml')
const one = folder.file('one.yaml', documentText(1))

describe('policies lint', () => {
  test('the ten needs have no findings', async () => {
    expect(await sluice(['policies', 'lint', NEEDS])).toEqual({ status: 0, out: `${NEEDS}: no findings\n`, err: '' })
  })

  test('an unreachable rule has its line', async () => {
    const text = documentText(1).replace('rules: [', 'rules: [{ name: first, limits: [] }, ')
    const file = folder.file('unreachable.yaml', text)
    const { status, out } = await sluice(['policies', 'lint', file])
    expect(status).toBe(1)
    expect(out).toContain(`${file}:7:`)
    expect(out).toContain('unreachable: policies[0].rules[1]: no request reaches rule "all": rule "first" above it matches all of them')
    expect(out).toContain('1 finding\n')
  })

  test('a document that is not valid has findings, from standard input too', async () => {
    const { status, out } = await sluice(['policies', 'lint', '-'], { input: documentText(1).replace('1m', '1') })
    expect(status).toBe(1)
    expect(out).toContain('standard input:7:')
    expect(out).toContain('invalid: policies[0].rules[0].limits[0].window: expected a text, got 1')
  })

  test('what exceeds the ceilings of the operator', async () => {
    const ceilings = folder.file(
      'ceilings.yaml',
      "apiVersion: sluice/v1\nkind: ceilings\nrevision: 1\nnamespaces: { '*': { rates: [{ limit: 1, window: 1m }] } }\n",
    )
    const { status, out } = await sluice(['policies', 'lint', one, '--ceilings', ceilings])
    expect(status).toBe(1)
    expect(out).toMatch(/one\.yaml:7:\d+: ceiling: policies\[0\]\.rules\[0\]\.limits\[0\]\.limit: expected at most 1, by the ceilings/)
  })

  test('what the rate limit service of Envoy does not hold', async () => {
    const text = documentText(1).replace(
      'limits: [',
      'limits: [{ name: slots, algorithm: concurrency, limit: 1, ttl: 1m, subject: address }, ',
    )
    const file = folder.file('rls.yaml', text)
    expect((await sluice(['policies', 'lint', file])).out).not.toContain('Envoy')
    const { status, out } = await sluice(['policies', 'lint', file, '--rls'])
    expect(status).toBe(1)
    expect(out).toContain('the rate limit service of Envoy skips the limit "slots": Envoy does not say when a request ends')
  })

  test('counters that start anew against a previous document, as JSON', async () => {
    const file = folder.file('hour.yaml', documentText(2).replace('window: 1m', 'window: 1h'))
    const { status, out } = await sluice(['policies', 'lint', file, '--previous', one, '--json'])
    expect(status).toBe(1)
    expect(JSON.parse(out)).toEqual({
      file,
      findings: [
        expect.objectContaining({
          rule: 'new-counter',
          line: 7,
          message: expect.stringContaining('starts to count anew: its window was 1m and is 1h'),
        }),
      ],
    })
  })
})

describe('policies diff', () => {
  test('documents that decide alike', async () => {
    expect(await sluice(['policies', 'diff', one, one])).toMatchObject({
      status: 0,
      out: 'shop: revision 1 → 1\nnothing changes for any request\n',
    })
  })

  test('says what changes for whom', async () => {
    const file = folder.file('two.yaml', documentText(2, 5, 'exempt: [{ paths: [/healthz] }]\n'))
    const { status, out } = await sluice(['policies', 'diff', one, file])
    expect(status).toBe(1)
    expect(out).toBe(`shop: revision 1 → 2
all policies
  + /healthz: is exempt from every limit
policy api
  + every request: api.minute was 2 per 1m and is 5 per 1m
`)
    expect(JSON.parse((await sluice(['policies', 'diff', one, file, '--json'])).out)).toMatchObject({
      before: { namespace: 'shop', revision: 1 },
      after: { revision: 2 },
      changes: [{ effect: 'looser' }, { policy: 'api', effect: 'looser' }],
    })
  })

  test('a document that is not valid is no document', async () => {
    const file = folder.file('bad.yaml', 'a: 1')
    expect(await sluice(['policies', 'diff', one, file])).toMatchObject({ status: 2, err: expect.stringContaining('ERR_POLICY_INVALID') })
  })
})

describe('policies test', () => {
  test('each test is printed', async () => {
    const { status, out } = await sluice(['policies', 'test', one, NEEDS])
    expect(status).toBe(0)
    expect(out).toContain(`${one}\n  ok   two\n  1 test, 0 failed\n`)
    expect(out).toContain('  5 tests, 0 failed\n')
  })

  test('one that fails, and a document without any', async () => {
    const file = folder.file('fails.yaml', documentText(1).replace('at: 3', 'at: 2'))
    expect(await sluice(['policies', 'test', file])).toMatchObject({
      status: 1,
      out: `${file}\n  FAIL two\n         at: expected 2, got 3\n  1 test, 1 failed\n`,
    })
    const none = folder.file('none.yaml', documentText(1).split('tests:')[0] ?? '')
    expect(await sluice(['policies', 'test', none])).toMatchObject({ status: 1, out: expect.stringContaining('the document has no tests') })
  })
})
