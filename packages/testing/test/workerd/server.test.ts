import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitUntil } from '../../src/redis/index.ts'
import { startWorkerd, type Workerd } from '../../src/workerd/index.ts'

const entry = new URL('./counter.worker.ts', import.meta.url)
const objects = { COUNTERS: 'Counter' }
const WORD = 'quote " back\\slash \n ü'

const textOf = async (url: string): Promise<string> => (await fetch(url)).text()

describe('a worker', () => {
  let server: Workerd
  beforeAll(async () => {
    server = await startWorkerd({ entry, objects, env: { WORD } })
  })
  afterAll(() => server.stop())

  test('runs core from its sources, without Node', async () => {
    expect(JSON.parse(await textOf(server.url))).toEqual({ word: WORD, allowed: true, node: false })
  })

  test('reaches nothing outside this machine', async () => {
    const response = await fetch(`${server.url}/outside`)
    expect([response.status, server.logs()]).toEqual([502, expect.stringContaining('203.0.113.1:80 is not allowed')])
  })

  test('what it throws is in the logs', async () => {
    expect((await fetch(`${server.url}/throw`)).status).toBe(500)
    await waitUntil('the log', () => server.logs().includes('thrown in the worker'))
  })
})

test.each([
  [{ keepData: true }, '2'],
  [{}, '1'],
] as const)('objects after restart(%o)', async (options, count) => {
  const server = await startWorkerd({ entry, objects, env: { WORD } })
  try {
    expect(await textOf(`${server.url}/count`)).toBe('1')
    await server.restart(options)
    expect(await textOf(`${server.url}/count`)).toBe(count)
    await server.kill()
    expect(server.alive).toBe(false)
    await expect(fetch(server.url)).rejects.toThrow('fetch failed')
  } finally {
    await server.stop()
  }
})

test('a worker that cannot start rejects with the reason', async () => {
  await expect(startWorkerd({ entry, objects: { COUNTERS: 'Missing' } })).rejects.toThrow('"Missing", but no such Durable Object class')
  await expect(startWorkerd({ entry: '/none.ts' })).rejects.toThrow('none.ts')
  const timer = new URL('./timer.worker.ts', import.meta.url)
  await expect(startWorkerd({ entry: timer })).rejects.toThrow(/workerd ended \(code 1\):[^]*within global scope/)
})

test('ends when its parent process is killed', async () => {
  const program = `
import { startWorkerd } from ${JSON.stringify(new URL('../../src/workerd/index.ts', import.meta.url).href)}
const server = await startWorkerd({ entry: ${JSON.stringify(fileURLToPath(entry))}, env: { WORD: '' } , objects: { COUNTERS: 'Counter' } })
console.log(server.url)
setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--conditions=source', '--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  })
  const url = await new Promise<string>((resolve) => child.stdout.once('data', (line) => resolve(String(line).trim())))
  expect((await fetch(url)).status).toBe(200)
  child.kill('SIGKILL')
  await waitUntil('workerd to end', async () =>
    fetch(url).then(
      () => false,
      () => true,
    ),
  )
})

test('a missing workerd rejects with how to get it', async () => {
  const program = `
import { workerdBinary } from ${JSON.stringify(new URL('../../src/workerd/index.ts', import.meta.url).href)}
workerdBinary().catch((error) => console.log(error.message))`
  const child = spawn(process.execPath, ['--conditions=source', '--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SLUICE_WORKERD: '/none/workerd' },
  })
  let output = ''
  for await (const text of child.stdout) output += String(text)
  expect(output).toMatch(/The tests need workerd, and SLUICE_WORKERD \(\/none\/workerd\) does not run: [^]*pnpm install/)
})
