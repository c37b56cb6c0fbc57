import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './support/workspace.ts'

const published = globSync('packages/*/package.json', { cwd: ROOT })
  .map((file) => JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as { name: string; private?: boolean; version: string })
  .filter((manifest) => manifest.private !== true)

test('every changeset names published packages and is one plain sentence', () => {
  for (const file of globSync('.changeset/*.md', { cwd: ROOT })) {
    const [, head, text] = /^---\n(.*?)\n---\n\n(.*)\n$/s.exec(readFileSync(join(ROOT, file), 'utf8').replaceAll('\r', '')) ?? []
    expect(text, `${basename(file)}: one sentence on one line`).toMatch(/^[A-Z][^\n]+\.$/)
    for (const line of head!.split('\n')) {
      const [, name] = /^'(@sluice\/[\w-]+)': (?:major|minor|patch)$/.exec(line) ?? []
      expect(
        published.map((manifest) => manifest.name),
        `${basename(file)}: ${line}`,
      ).toContain(name)
    }
  }
})

test('all packages have the same version', () => {
  const config = JSON.parse(readFileSync(join(ROOT, '.changeset', 'config.json'), 'utf8')) as { fixed: unknown }
  expect(config.fixed).toEqual([['@sluice/*']])
  expect(new Set(published.map((manifest) => manifest.version)).size).toBe(1)
})
