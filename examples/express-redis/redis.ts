// The Redis of REDIS_URL, or one that is started here: on a free port, in a temporary folder, gone with `stop`.
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
  // A group of its own: Ctrl-C in the terminal is for this program, which ends Redis last.
  const child = spawn('redis-server', [...listen, '--save', '', '--maxmemory-policy', 'noeviction'], { detached: true })
  const ended = once(child, 'exit')
  ended.catch(() => undefined) // it could not be started: told below
  const stop = async () => {
    if (child.pid !== undefined && child.exitCode === null && child.kill()) await ended
    await rm(folder, { recursive: true, force: true })
  }
  // Whatever ends this program, its Redis does not stay.
  process.once('exit', () => child.kill('SIGKILL'))
  let said = ''
  const ready = new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false))
    child.once('exit', () => resolve(false))
    createInterface({ input: child.stdout }).on('line', (line) => {
      said = line
      if (line.includes('Ready to accept connections')) resolve(true)
    })
  })
  if (await ready) return { url: `redis://127.0.0.1:${port}`, stop }
  await stop()
  const why = child.pid === undefined ? 'redis-server is not on PATH' : `redis-server ended: ${said}`
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
