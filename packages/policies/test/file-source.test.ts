import { mkdir, mkdtemp, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { fileSource, policyFeed, type PolicyFeed } from '../src/index.ts'
import { withPolicy } from './documents.ts'

const revision = (number: number): string => withPolicy('').replace('revision: 7', `revision: ${number}`)

let folder: string
let warnings: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-file-'))
  warnings = []
})

/** The interval is longer than any test, so that only a watch can have noticed a change. */
async function followed(path: string, interval = 600_000): Promise<PolicyFeed> {
  const feed = await policyFeed({ source: fileSource(path, { interval }), on: { warning: ({ code }) => warnings.push(code) } })
  onTestFinished(async () => {
    await feed.close()
    await rm(folder, { recursive: true })
  })
  return feed
}

async function holds(feed: PolicyFeed, number: number): Promise<void> {
  await vi.waitFor(() => expect(feed.document('shop')?.revision).toBe(number), 20_000)
}

describe('a file', () => {
  test('that is written in place, three times', async () => {
    const path = join(folder, 'sluice.yaml')
    await writeFile(path, revision(1))
    const feed = await followed(path)
    for (const number of [2, 3, 4]) {
      await writeFile(path, revision(number))
      await holds(feed, number)
    }
  })

  test('that an editor replaces, three times', async () => {
    const path = join(folder, 'sluice.yaml')
    await writeFile(path, revision(1))
    const feed = await followed(path)
    for (const number of [2, 3, 4]) {
      await writeFile(`${path}~`, revision(number))
      await rename(`${path}~`, path)
      await holds(feed, number)
    }
  })

  test('of a ConfigMap, whose folder is swapped three times', async () => {
    const version = async (number: number): Promise<void> => {
      const real = join(folder, `..2026_${number}`)
      await mkdir(real)
      await writeFile(join(real, 'sluice.yaml'), revision(number))
      await symlink(`..2026_${number}`, join(folder, '..data_tmp'))
      await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    }
    await version(1)
    await symlink('..data/sluice.yaml', join(folder, 'sluice.yaml'))
    const feed = await followed(join(folder, 'sluice.yaml'))
    for (const number of [2, 3, 4]) {
      await version(number)
      await holds(feed, number)
      await rm(join(folder, `..2026_${number - 1}`), { recursive: true })
    }
  })

  test('that is written half, and later whole', async () => {
    const path = join(folder, 'sluice.yaml')
    await writeFile(path, revision(1))
    const feed = await followed(path)
    const text = revision(2)
    await writeFile(path, text.slice(0, text.length / 2))
    await vi.waitFor(() => expect(warnings).toContain('ERR_POLICY_INVALID'), 20_000)
    expect(feed.document('shop')?.revision).toBe(1)
    await writeFile(path, text)
    await holds(feed, 2)
  })

  test('that is removed, and comes back', async () => {
    const path = join(folder, 'sluice.yaml')
    await writeFile(path, revision(1))
    const feed = await followed(path, 100)
    await unlink(path)
    await vi.waitFor(() => expect(feed.health().source).toBe('away'), 20_000)
    expect(feed.document('shop')?.revision).toBe(1)
    await writeFile(path, revision(2))
    await holds(feed, 2)
  })

  test('is read at intervals as well, where nothing is noticed', async () => {
    const real = await mkdtemp(join(tmpdir(), 'sluice-elsewhere-'))
    onTestFinished(() => rm(real, { recursive: true }))
    await writeFile(join(real, 'sluice.yaml'), revision(1))
    // A change behind a link is none in the directory of the link.
    await symlink(join(real, 'sluice.yaml'), join(folder, 'sluice.yaml'))
    const feed = await followed(join(folder, 'sluice.yaml'), 100)
    await writeFile(join(real, 'sluice.yaml'), revision(2))
    await holds(feed, 2)
  })

  test('that does not change is confirmed', async () => {
    const path = join(folder, 'sluice.yaml')
    await writeFile(path, revision(1))
    const feed = await followed(path, 100)
    const at = feed.health().namespaces[0]?.confirmedAt ?? 0
    await vi.waitFor(() => expect(feed.health().namespaces[0]?.confirmedAt).toBeGreaterThan(at), 20_000)
    expect(await readFile(path, 'utf8')).toBe(revision(1))
  })
})

test.each([
  [() => fileSource(''), 'fileSource: expected the path of a file'],
  [() => fileSource('a', { interval: 10 }), 'fileSource: interval'],
  [() => fileSource('a', { intervall: 10 } as never), 'intervall'],
])('a mistake is refused', (make, message) => {
  expect(make).toThrow(message)
})
