// The program of README.md, as a reader runs it.
import { execFile } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'

test('the program of the README prints what its comments say', async () => {
  const [, code = ''] = /^```ts\n([^]*?)^```/m.exec(readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')) ?? []
  // In the package, so that it finds the package and its dependencies.
  const file = join(import.meta.dirname, `.readme-${process.pid}.ts`)
  writeFileSync(file, code)
  onTestFinished(() => rmSync(file))
  const env = { ...process.env, NODE_OPTIONS: '' }
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=source', file], { env, timeout: 30_000 })
  const comments = Array.from(code.matchAll(/^console\.log\(.*\) \/\/ (.*)$/gm), ([, comment]) => comment)
  expect(stdout.trim().split('\n')).toEqual(comments)
  expect(comments).toHaveLength(3)
})
