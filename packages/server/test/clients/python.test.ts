// The client that openapi-python-client generates from /openapi.json talks to the service. It installs the generator, so it is left out of `npm test`.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { EXPECTED, serviceOfClients } from './expected.ts'

const run = promisify(execFile)
const HERE = import.meta.dirname

test('the Python client of openapi-python-client', { timeout: 600_000 }, async () => {
  const url = await serviceOfClients()
  const folder = mkdtempSync(join(tmpdir(), 'sluice-python-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const bin = join(await pythonTools(), 'bin')
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`, PYTHONPATH: join(folder, 'client') }
  const generated = await run(
    join(bin, 'openapi-python-client'),
    ['generate', '--url', `${url}/openapi.json`, '--output-path', join(folder, 'client')],
    { env },
  )
  expect(generated.stdout + generated.stderr).not.toMatch(/warning|unable/i)
  const { stdout } = await run(join(bin, 'python3'), [join(HERE, 'program.py'), url], { env })
  expect(JSON.parse(stdout)).toEqual(EXPECTED)
})

/** A folder with the generator. It is made once. */
async function pythonTools(): Promise<string> {
  const tools = join(HERE, '../../../../.tools/openapi-python-client')
  if (!existsSync(join(tools, 'bin/openapi-python-client'))) {
    rmSync(tools, { recursive: true, force: true })
    await run('python3', ['-m', 'venv', tools])
    await run(join(tools, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', 'openapi-python-client==0.29.1'])
  }
  return tools
}
