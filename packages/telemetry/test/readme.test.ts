// The program of README.md, as a reader runs it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runReadme } from '@sluice/testing/processes'
import { expect, test } from 'vitest'

const FOLDER = join(import.meta.dirname, '..')

test('the program of the README prints what its comment says', async () => {
  const [, comment] = /^ *console\.log\(.*\) \/\/ (.*)$/m.exec(readFileSync(join(FOLDER, 'README.md'), 'utf8')) ?? []
  expect((await runReadme(FOLDER, { PORT: '0' })).trim()).toBe(comment)
})
