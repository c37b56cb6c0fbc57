import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runReadme } from '@sluice/testing/processes'
import { expect, test } from 'vitest'

const FOLDER = join(import.meta.dirname, '..')

test('the program of the README prints what its comments say', async () => {
  const comments = [...readFileSync(join(FOLDER, 'README.md'), 'utf8').matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map(
    ([, comment]) => comment,
  )
  expect(comments).toHaveLength(1)
  expect((await runReadme(FOLDER)).trim().split('\n')).toEqual(comments)
})
