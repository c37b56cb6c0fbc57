// docs/server.md: the tables are those of the code, and what the page shows is valid.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configOf, SERVE_FLAGS } from '@sluice/server'
import { expect, onTestFinished, test } from 'vitest'
import { fencesOfPage } from './support/sources/fences.ts'
import { ROOT } from './support/workspace.ts'

const page = readFileSync(join(ROOT, 'docs/server.md'), 'utf8')

test('the tables of settings and metrics are those of the code', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/server-reference.ts', '--check'], { cwd: ROOT, encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(status).toBe(0)
})

test.each(fencesOfPage('docs/server.md').filter(({ info }) => info === 'yaml'))(
  'the configuration at $where is valid',
  async ({ code }) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-server-doc-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'server.yaml')
    writeFileSync(file, code)
    expect(Object.keys(await configOf({ file })).length).toBeGreaterThan(0)
  },
)

test('the page names every flag', () => {
  expect(SERVE_FLAGS.map(({ name }) => name).filter((name) => !page.includes(`\`--${name}\``))).toEqual([])
})
