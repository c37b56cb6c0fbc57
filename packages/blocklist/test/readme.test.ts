// The program of README.md, as a reader runs it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runReadme } from '@sluice/testing/processes'
import { expect, test } from 'vitest'

const FOLDER = join(import.meta.dirname, '..')

test('the program of the README prints what its comments say', async () => {
  const readme = readFileSync(join(FOLDER, 'README.md'), 'utf8')
  const comments = Array.from(readme.matchAll(/^console\.log\(.*\) \/\/ (.*)$/gm), ([, comment]) => comment)
  expect((await runReadme(FOLDER)).trim().split('\n')).toEqual(comments)
  expect(comments).toHaveLength(4)
})
