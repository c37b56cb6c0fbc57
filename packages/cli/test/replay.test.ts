import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { documentText, newFolder, sluice, sluiceProcess } from './sluice.ts'

const folder = newFolder()
const policy = folder.file('sluice.yaml', documentText(1))
const line = (ip: string, second: number): string =>
  `${ip} - - [30/Nov/2026:08:00:${String(second).padStart(2, '0')} +0000] "GET / HTTP/1.1" 200 612 "-" "curl/8.5"`
const text = `${[...Array.from({ length: 5 }, (_, i) => line('203.0.113.7', i)), line('203.0.113.8', 9)].join('\n')}\n`
const log = folder.file('access.log', text)

describe('policies replay', () => {
  test('who would have been refused, and by what', async () => {
    const { status, out, err } = sluiceProcess(['policies', 'replay', log, '--policy', policy])
    expect({ status, err }).toEqual({ status: 0, err: '' })
    expect(out).toBe(`${log}: 6 requests, 2026-11-30T08:00:00.000Z to 2026-11-30T08:00:09.000Z (nginx and Apache)
6 limited, 3 refused (50 %)

limit       requests  refused  share
api.minute         6        3  50 %

refused most often  by          refused
203.0.113.7         api.minute        3
`)
  })

  test.each([
    ['gzip', [folder.file('access.log.gz', gzipSync(text))], ''],
    ['standard input', ['-'], text],
    ['lines of Windows', [folder.file('crlf.log', text.replaceAll('\n', '\r\n'))], ''],
  ])('%s, as JSON', async (_, args, input) => {
    const { status, out } = sluiceProcess(['policies', 'replay', ...args, '--policy', policy, '--json'], { input })
    expect(status).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ requests: 6, refused: 3, smallest: [], top: [{ subject: '203.0.113.7', refused: 3 }] })
  })

  test('the smallest limit under a share', async () => {
    const { out } = await sluice(['policies', 'replay', log, '--policy', policy, '--under', '20%'])
    expect(out).toContain('limit       requests  now  smallest\napi.minute         6    2         4\n')
  })

  test('a line of another format ends it, with its number', async () => {
    const { status, out, err } = sluiceProcess(['policies', 'replay', '-', '--policy', policy], { input: `${text}hello\n` })
    expect({ status, out }).toEqual({ status: 2, out: '' })
    expect(err).toContain('standard input: line 7: expected a line of an access log (nginx and Apache), got "hello"')
  })

  test('progress goes to standard error', async () => {
    const many = folder.file('many.log', `${line('203.0.113.9', 1)}\n`.repeat(1_000_000))
    const { status, out, err } = sluiceProcess(['policies', 'replay', many, '--policy', policy, '--json'])
    expect({ status, err }).toEqual({ status: 0, err: '1,000,000 lines\n' })
    expect(JSON.parse(out)).toMatchObject({ requests: 1_000_000, refused: 999_998 })
  })

  test.each([
    [[log], '--policy is missing'],
    [[log, '--policy', policy, '--under', 'few'], '--under: expected a share in percent, from 0 to 100, got few'],
    [['no-such.log', '--policy', policy], 'no-such.log cannot be read: there is no such file'],
    [[folder.path, '--policy', policy], 'it is a folder'],
    [[log, '--policy', 'no-such.yaml'], 'no-such.yaml cannot be read: there is no such file'],
  ])('%j', async (args, message) => {
    expect(await sluice(['policies', 'replay', ...args])).toMatchObject({ status: 2, err: expect.stringContaining(message) })
  })
})
