/// <reference types="node" />
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Runs the program in the README of a package, its first fence of TypeScript, and returns what it prints. It runs from the folder `test` of
 * the package, so that its imports are found.
 */
export async function runReadme(folder: string, environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const [, program] = /^```ts\n(.*?)^```$/ms.exec(readFileSync(join(folder, 'README.md'), 'utf8')) ?? []
  if (program === undefined) throw new Error(`${folder}/README.md has no program`)
  const place = mkdtempSync(join(folder, 'test', '.readme-'))
  try {
    const file = join(place, 'main.ts')
    writeFileSync(file, program)
    const { stdout } = await run(process.execPath, ['--conditions=source', file], {
      env: { ...process.env, NODE_OPTIONS: '', ...environment },
      timeout: 60_000,
    })
    return stdout
  } finally {
    rmSync(place, { recursive: true })
  }
}
