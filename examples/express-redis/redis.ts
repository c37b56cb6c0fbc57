// The Redis server of REDIS_URL, or a server of its own on a free port and in a temporary folder, which `stop` removes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Server {
  readonly url: string
  stop(): Promise<void>
}

export async function findRedis(): Promise<Server> {
  const url = process.env['REDIS_URL']
  if (url) return { url, stop: async () => undefined }

  const folder = await mkdtemp(join(tmpdir(), 'sluice-example-'))
  const port = await freePort()
  const listen = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
  // In a process group of its own, since Ctrl-C must not end Redis before the processes that use it.
  const child = spawn('redis-server', [...listen, '--save', '', '--maxmemory-policy', 'noeviction'], { detached: true })
  const ended = once(child, 'exit')
  ended.catch(() => undefined) // A failed start has no exit. `ready` reports it.
  const stop = async () => {
    if (child.pid !== undefined && child.exitCode === null && child.kill()) await ended
    await rm(folder, { recursive: true, force: true })
  }
  // Also after an error, so that no Redis server is left behind.
  process.once('exit', () => child.kill('SIGKILL'))
  let lastLine = ''
  const ready = new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false))
    child.once('exit', () => resolve(false))
    createInterface({ input: child.stdout }).on('line', (line) => {
      lastLine = line
      if (line.includes('Ready to accept connections')) resolve(true)
    })
  })
  if (await ready) return { url: `redis://127.0.0.1:${port}`, stop }
  await stop()
  const why = child.pid === undefined ? 'redis-server is not on PATH' : `redis-server ended: ${lastLine}`
  throw new Error(`${why}. Install it (apt-get install redis-server, brew install redis), or set REDIS_URL=redis://host:port.`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
