// What the repository promises on GitHub: pinned actions, and a licence in each published package.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from './support/workspace.ts'

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

describe.each(globSync('.github/workflows/*.yml', { cwd: ROOT }))('%s', (file) => {
  test('pins every action to a commit, with the version in a comment', () => {
    const actions = read(file).matchAll(/uses: (.+)/g)
    for (const [, action] of actions) expect(action).toMatch(/^[\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  })
})

test('every action has one version in all workflows', () => {
  const pins = new Map<string, Set<string>>()
  for (const file of globSync('.github/workflows/*.yml', { cwd: ROOT })) {
    for (const [, name, version] of read(file).matchAll(/uses: ([^@\s]+)@(.+)/g))
      pins.set(name!, (pins.get(name!) ?? new Set()).add(version!))
  }
  for (const [name, versions] of pins) expect([...versions], name).toHaveLength(1)
})

const packages = globSync('packages/*/package.json', { cwd: ROOT }).map((file) => ({
  folder: dirname(file),
  manifest: JSON.parse(read(file)) as { readonly description?: string; readonly keywords?: readonly string[]; readonly private?: boolean },
}))

test.each(packages)('$folder has a description and keywords', ({ manifest: { description, keywords } }) => {
  expect(description).toMatch(/^[A-Z].{20,120}$/)
  expect(keywords).toContain('rate-limit')
})
test.each(packages.filter(({ manifest }) => manifest.private !== true))('$folder has the licence of the repository', ({ folder }) => {
  expect(read(join(folder, 'LICENSE'))).toBe(read('LICENSE'))
})
