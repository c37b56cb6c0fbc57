// `npm start` as a person has it: from the bootstrap, on a port of its own, ended by Ctrl-C.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { ROOT } from './support/workspace.ts'

let child: ChildProcess | undefined
// SIGTERM, since the bootstrap hands it on: nothing is left behind.
afterEach(() => child?.kill('SIGTERM'))

test('npm start shows a burst being limited, serves, and ends cleanly at Ctrl-C', async () => {
  const port = await freePort()
  const started = spawn(process.execPath, [join(ROOT, 'scripts', 'bootstrap.mjs'), 'start'], {
    cwd: ROOT,
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child = started
  let said = ''
  const ready = new Promise<void>((resolve, reject) => {
    for (const stream of [started.stdout, started.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (/\bcurl .*\n/.test(said)) resolve()
      })
    }
    started.on('exit', () => reject(new Error(`It ended before it was ready:\n${said}`)))
  })
  await ready
  expect(said).toMatch(/\b200\b/)
  expect(said).toMatch(/\b429\b/)
  expect(said).toContain(`:${port}`)

  const response = await fetch(`http://localhost:${port}/`)
  expect([200, 429]).toContain(response.status)
  expect(response.headers.get('ratelimit')).not.toBeNull()
  await response.text()

  started.kill('SIGINT')
  expect(await once(started, 'exit')).toEqual([0, null])
  expect(said).not.toMatch(/^\s+at /m)
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
