import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileSource, policyFeed } from '@sluice/policies'
import { describe, expect, test } from 'vitest'
import { repeatedText } from '@sluice/server'
import { BIN, documentText, newFolder, sluice } from './sluice.ts'

const folder = newFolder()
let places = 0
const newPlace = (): { readonly file: string; readonly to: readonly string[] } => {
  const file = join(folder.path, `place-${++places}.yaml`)
  return { file, to: ['--to', `file:${file}`] }
}
const doc = (revision: number, limit = 2): string => folder.file(`r${revision}-${limit}.yaml`, documentText(revision, limit))

describe('policies publish, rollback and history, to a file', () => {
  test('a document is published, changed, and rolled back with its comments', async () => {
    const { file, to } = newPlace()
    expect(await sluice(['policies', 'publish', doc(1), ...to])).toMatchObject({
      status: 0,
      out: `shop revision 1 is published: ${file}\n`,
    })
    expect(readFileSync(file, 'utf8')).toBe(documentText(1))
    const second = await sluice(['policies', 'publish', doc(2, 5), ...to, '--skip-tests'])
    expect(second).toMatchObject({ status: 0, err: '' })
    expect(second.out).toContain('+ every request: api.minute was 2 per 1m and is 5 per 1m')

    const back = await sluice(['policies', 'rollback', ...to])
    expect(back).toMatchObject({ status: 0, out: expect.stringContaining(`shop revision 3, which repeats 1, is published: ${file}`) })
    expect(readFileSync(file, 'utf8')).toBe(documentText(1).replace('revision: 1 # rises', 'revision: 3 # rises\nrollbackOf: 1'))

    const { status, out } = await sluice(['policies', 'history', ...to, '--json'])
    expect(status).toBe(0)
    expect(JSON.parse(out)).toEqual({
      from: file,
      namespace: 'shop',
      revisions: [
        { revision: 3, at: expect.any(String), rollbackOf: 1, isCurrent: true },
        { revision: 2, at: expect.any(String), isCurrent: false },
        { revision: 1, at: expect.any(String), isCurrent: false },
      ],
    })
    expect((await sluice(['policies', 'history', ...to])).out).toMatch(
      /^shop: .*\n {2}revision {2}published .*\n\* 3 .* repeats 1\n {2}2 .*\n {2}1 /,
    )
    expect((await sluice(['policies', 'rollback', ...to, '--revision', '2'])).out).toContain('shop revision 4, which repeats 2')
    expect(await sluice(['policies', 'rollback', ...to, '--revision', '9'])).toMatchObject({
      status: 2,
      err: expect.stringContaining('it has kept: 3, 2, 1'),
    })
    expect(readdirSync(folder.path).filter((name) => /part|lock/.test(name))).toEqual([])
  })

  test('a feed that follows the file hears of it', async () => {
    const { file, to } = newPlace()
    await sluice(['policies', 'publish', doc(1), ...to])
    const feed = await policyFeed({ source: fileSource(file, { interval: 100 }) })
    await sluice(['policies', 'publish', doc(2, 5), ...to, '--skip-tests'])
    await expect.poll(() => feed.document('shop')?.revision).toBe(2)
    await feed.close()
  })

  test('the same document again is fine, and another one under the same revision is not', async () => {
    const { to } = newPlace()
    await sluice(['policies', 'publish', doc(3), ...to])
    expect(await sluice(['policies', 'publish', doc(3), ...to])).toMatchObject({
      status: 0,
      out: expect.stringContaining('is there already'),
    })
    for (const file of [doc(3, 5), doc(2)]) {
      const { status, err } = await sluice(['policies', 'publish', file, ...to, '--skip-tests'])
      expect(status).toBe(1)
      expect(err).toMatch(/revision \d is not published: .* has revision 3 now; write revision 4 \(ERR_PUBLISH_CONFLICT/)
    }
  })

  test('--previous must be the revision that is there', async () => {
    const { file, to } = newPlace()
    expect(await sluice(['policies', 'publish', doc(1), ...to, '--previous', '4'])).toMatchObject({
      status: 1,
      err: expect.stringContaining('has revision none now'),
    })
    expect(existsSync(file)).toBe(false)
    expect(await sluice(['policies', 'publish', doc(1), ...to, '--previous', '0'])).toMatchObject({ status: 0 })
    expect(await sluice(['policies', 'publish', doc(2), ...to, '--previous', '0'])).toMatchObject({ status: 1 })
    expect(await sluice(['policies', 'publish', doc(2), ...to, '--previous', 'x'])).toMatchObject({ status: 2 })
  })

  test('of twelve publishers at once, one writes each revision', async () => {
    const { file, to } = newPlace()
    const publishing = Array.from({ length: 12 }, async (_, i) => {
      const path = folder.file(`at-once-${i}.yaml`, documentText(1).replace('revision: 1', `description: publisher ${i}\nrevision: 1`))
      const child = spawn(process.execPath, ['--conditions=source', BIN, 'policies', 'publish', path, ...to], { stdio: 'ignore' })
      const status = await new Promise((resolve) => child.once('exit', resolve))
      return { status, i }
    })
    const done = await Promise.all(publishing)
    const winners = done.filter(({ status }) => status === 0)
    expect(winners).toHaveLength(1)
    expect(readFileSync(file, 'utf8')).toContain(`publisher ${winners[0]?.i}\n`)
    expect(readdirSync(join(`${file}.history`, 'shop'))).toEqual(['1.yaml'])
  })

  test('--dry-run writes nothing', async () => {
    const { file, to } = newPlace()
    expect(await sluice(['policies', 'publish', doc(1), ...to, '--dry-run'])).toMatchObject({
      status: 0,
      out: expect.stringContaining('would be published'),
    })
    expect(existsSync(file)).toBe(false)
    await sluice(['policies', 'publish', doc(1), ...to])
    await sluice(['policies', 'publish', doc(2), ...to])
    await sluice(['policies', 'rollback', ...to, '--dry-run'])
    expect(readFileSync(file, 'utf8')).toBe(documentText(2))
  })

  test('a document whose test fails is not published', async () => {
    const { file, to } = newPlace()
    const { status, out } = await sluice(['policies', 'publish', doc(1, 5), ...to])
    expect({ status, isThere: existsSync(file) }).toEqual({ status: 1, isThere: false })
    expect(out).toContain('FAIL two')
  })

  test.each([
    ['another namespace', 'namespace: shop', 'namespace: store', 'has the namespace "shop", not "store"'],
    ['one that is not valid', 'revision: 2', 'revision: two', 'ERR_POLICY_INVALID'],
  ])('%s is refused', async (_, from, to, message) => {
    const place = newPlace()
    await sluice(['policies', 'publish', doc(1), ...place.to])
    const file = folder.file('other.yaml', documentText(2).replace(from, to))
    expect(await sluice(['policies', 'publish', file, ...place.to])).toMatchObject({ status: 2, err: expect.stringContaining(message) })
    expect(readFileSync(place.file, 'utf8')).toBe(documentText(1))
  })

  test('a lock of another process is respected', async () => {
    const { file, to } = newPlace()
    writeFileSync(`${file}.lock`, '1')
    expect(await sluice(['policies', 'publish', doc(1), ...to])).toMatchObject({
      status: 2,
      err: expect.stringContaining('is being published by another process'),
    })
  })

  test('what was there before the first publication is in the history', async () => {
    const { file, to } = newPlace()
    writeFileSync(file, documentText(1))
    await sluice(['policies', 'publish', doc(2), ...to])
    expect(await sluice(['policies', 'rollback', ...to])).toMatchObject({ status: 0, out: expect.stringContaining('repeats 1') })
  })

  test.each([
    [['publish', doc(1)], '--to is missing'],
    [['publish', doc(1), '--to', 'ftp://host/x'], '--to: expected a URL: file:sluice.yaml'],
    [['publish', doc(1), '--to', 'sluice.yaml'], '--to: expected a URL: file:sluice.yaml'],
    [
      ['publish', doc(1), '--to', 'file:x.yaml', '--wait', '--url', 'localhost'],
      '--url: expected a URL such as http://127.0.0.1:8080, got localhost',
    ],
    [['rollback', '--to', 'file:no-such.yaml'], 'no-such.yaml has no document'],
    [['history', '--to', 'file:no-such.yaml'], 'no-such.yaml has no document'],
    [['publish', doc(1), '--to', 'file:no-such-folder/x.yaml'], 'cannot be written: there is no such file'],
  ])('%j', async (args, message) => {
    expect(await sluice(['policies', ...args])).toMatchObject({ status: 2, err: expect.stringContaining(message) })
  })
})

describe('another revision in a text', () => {
  test.each([
    ['a: 1\nrevision: 7', 'a: 1\nrevision: 9\nrollbackOf: 4'],
    ['revision:   7  # why\nb: 2\n', 'revision:   9  # why\nrollbackOf: 4\nb: 2\n'],
    ['revision: 7\nrollbackOf: 2 # old\n', 'revision: 9\nrollbackOf: 4 # old\n'],
    ['rollbackOf: 2\nrevision: 7\n', 'rollbackOf: 4\nrevision: 9\n'],
    ['{"revision": 7, "b": 2}', '{"revision": 9, "rollbackOf": 4, "b": 2}'],
    ['{ rollbackOf: 2, revision: 7 }', '{ rollbackOf: 4, revision: 9 }'],
    ['"revision": 7\r\nb: 2\r\n', '"revision": 9\r\nrollbackOf: 4\nb: 2\r\n'],
  ])('%j', async (text, expected) => {
    expect(repeatedText(text, 9, 4)).toBe(expected)
  })
})
