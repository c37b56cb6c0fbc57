import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { type RunningService, serve } from '../src/index.ts'

let service: RunningService | undefined
afterEach(() => service?.close())

const socketPath = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-socket-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 's')
}
const statusAt = (socketPath: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request({ socketPath, agent: false, path: '/check?user_id=ada' }, (response) => resolve(response.resume().statusCode))
      .once('error', reject)
      .end()
  })

test('a UNIX socket is served, and removed at the end', async () => {
  const path = socketPath()
  service = await serve({ http: { path }, drain: { delay: 0 } })
  expect(service.http?.url).toBe(`unix:${path}`)
  expect(await statusAt(path)).toBe(200)
  await service.close()
  await expect(statusAt(path)).rejects.toThrow('ENOENT')
})

test('a socket that a killed process has left is replaced', async () => {
  const path = socketPath()
  const program = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  expect(spawnSync(process.execPath, ['-e', program]).signal).toBe('SIGKILL')
  service = await serve({ http: { path }, drain: { delay: 0 } })
  expect(await statusAt(path)).toBe(200)
})

test('trap: a socket that another process serves is not taken away', async () => {
  const path = socketPath()
  const owner = createServer().listen(path)
  onTestFinished(() => void owner.close())
  await new Promise((resolve) => owner.once('listening', resolve))
  await expect(serve({ http: { path } })).rejects.toThrow('EADDRINUSE')
})

test('path excludes host and port', async () => {
  await expect(serve({ http: { path: '/tmp/s', port: 1 } })).rejects.toMatchObject({ code: 'ERR_OPTION_CONFLICT' })
})
