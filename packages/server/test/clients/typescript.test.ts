// The client that openapi-typescript generates from /openapi.json talks to the service.
import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import openapiTs, { astToString } from 'openapi-typescript'
import { expect, onTestFinished, test } from 'vitest'
import { EXPECTED, serviceOfClients } from './expected.ts'

const run = promisify(execFile)
const HERE = import.meta.dirname

test('the TypeScript client of openapi-typescript and openapi-fetch', { timeout: 120_000 }, async () => {
  const url = await serviceOfClients()
  const folder = mkdtempSync(join(HERE, '.generated-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const ast = await openapiTs(new URL(`${url}/openapi.json`))
  writeFileSync(join(folder, 'schema.ts'), astToString(ast))
  copyFileSync(join(HERE, 'program.ts.txt'), join(folder, 'program.ts'))
  const options = { target: 'es2023', module: 'nodenext', strict: true, noEmit: true, allowImportingTsExtensions: true, types: ['node'] }
  const types = join(dirname(createRequire(import.meta.url).resolve('@types/node/package.json')), '..')
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...options, lib: ['es2023', 'dom'], typeRoots: [types] }, files: ['program.ts'] }),
  )
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const checked = await run(process.execPath, [tsc, '-p', folder]).catch((error: { stdout: string }) => error)
  expect(checked.stdout).toBe('')
  const { stdout } = await run(process.execPath, [join(folder, 'program.ts'), url], { env: { ...process.env, NODE_OPTIONS: '' } })
  expect(JSON.parse(stdout)).toEqual(EXPECTED)
})
