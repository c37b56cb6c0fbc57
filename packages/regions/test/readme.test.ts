import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runReadme } from '@sluice/testing/processes'
import { expect, test } from 'vitest'

const FOLDER = join(import.meta.dirname, '..')

// test-e2e/docs.test.ts runs the other one, which needs Redis.
test('the program for authors of stores prints what its comment says', async () => {
  const readme = readFileSync(join(FOLDER, 'README.md'), 'utf8')
  const comments = [...readme.slice(readme.indexOf('## For authors')).matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map(
    ([, comment]) => comment,
  )
  expect(comments).toHaveLength(1)
  expect((await runReadme(FOLDER)).trim().split('\n')).toEqual(comments)
})
