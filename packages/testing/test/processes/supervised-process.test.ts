import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { isFree } from '../../src/redis/ports.ts'
import { startRedis, waitUntil } from '../../src/redis/index.ts'

const PROGRAM = `
import { startRedis } from ${JSON.stringify(new URL('../../src/redis/index.ts', import.meta.url).href)}
const server = await startRedis()
const [, folder] = await server.call('CONFIG', 'GET', 'dir')
console.log(JSON.stringify({ port: server.port, folder }))
`

/** Runs the program plus more code in another process, and waits for its server to start. */
function runProgram(rest: string): Promise<{ port: number; folder: string; ended: Promise<unknown>; kill(): void }> {
  const args = ['--conditions=source', '--input-type=module', '--eval', PROGRAM + rest]
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  })
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)))
  return new Promise((resolve, reject) => {
    child.stdout.once('data', (line) => resolve({ ...JSON.parse(String(line)), ended, kill: () => child.kill('SIGKILL') }))
    child.once('exit', () => reject(new Error('The program ended before it printed its server.')))
  })
}

test('a killed process leaves no server and no folder', async () => {
  const { port, folder, ended, kill } = await runProgram('setInterval(() => {}, 1000)')
  expect(existsSync(folder)).toBe(true)
  expect(await isFree(port)).toBe(false)
  kill()
  expect(await ended).toBe('SIGKILL')
  await waitUntil('the server to end', async () => (await isFree(port)) && !existsSync(folder))
})

test('a killed process whose server is paused leaves no server and no folder', async () => {
  const { port, folder, ended, kill } = await runProgram('await server.pause(); setInterval(() => {}, 1000)')
  kill()
  await ended
  await waitUntil('the server to end', async () => (await isFree(port)) && !existsSync(folder))
})

test('a server that is never stopped does not keep its process alive', async () => {
  const { port, folder, ended } = await runProgram('')
  expect(await ended).toBe(0)
  await waitUntil('the server to end', async () => (await isFree(port)) && !existsSync(folder))
})

test('stop() removes the folder', async () => {
  const server = await startRedis()
  const [, folder] = (await server.call('CONFIG', 'GET', 'dir')) as [string, string]
  expect(existsSync(folder)).toBe(true)
  await server.stop()
  expect(existsSync(folder)).toBe(false)
})
