// `npm start` as a person runs it: through the bootstrap script, ended by Ctrl-C.
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { runProgram, type RunningProgram } from './support/running-program.ts'
import { ROOT } from './support/workspace.ts'

let program: RunningProgram | undefined
afterEach(() => program?.stop())

test('npm start shows a limited burst, serves requests, and exits cleanly at Ctrl-C', async () => {
  const port = await freePort()
  const bootstrap = join(ROOT, 'scripts', 'bootstrap.mjs')
  const started = (program = runProgram([process.execPath, bootstrap, 'start'], { env: { PORT: String(port) } }))
  await started.waitFor(/\bcurl .*\n/)
  expect(started.output()).toMatch(/\b200\b/)
  expect(started.output()).toMatch(/\b429\b/)
  expect(started.output()).toContain(`:${port}`)

  const response = await fetch(`http://localhost:${port}/`)
  expect([200, 429]).toContain(response.status)
  expect(response.headers.get('ratelimit')).not.toBeNull()
  await response.text()

  expect(await started.interrupt()).toEqual([0, null])
  expect(started.output()).not.toMatch(/^\s+at /m)
  await expect(fetch(`http://localhost:${port}/`)).rejects.toThrow('fetch failed')
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
