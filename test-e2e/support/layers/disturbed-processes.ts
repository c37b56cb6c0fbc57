// Several processes that are stopped, killed and cut off at random, and what they were admitted meanwhile.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { RedisServer } from '@sluice/testing/redis'
import { tcpProxy } from '@sluice/testing/redis'
import type { Job } from './worker.ts'

export interface LoggedOutcome {
  /** Index of the limit. */
  readonly limit: number
  readonly source: string
  readonly granted: number
  /** µs, from the outcome. */
  readonly at: number
  /** µs, by the clock of this machine. */
  readonly now: number
}

export interface Disturbances {
  readonly stopped: number
  readonly killed: number
  readonly lost: number
}

/** Few, since a process takes seconds to start on a busy machine. */
const MAX_KILLED = 3

/** Keeps `size` processes busy through a proxy, and disturbs one of them every few ms until `isEnough`. */
export async function runDisturbed(
  server: RedisServer,
  size: number,
  job: Omit<Job, 'url' | 'file'>,
  isEnough: (lines: readonly LoggedOutcome[], disturbances: Disturbances) => boolean,
  signal: AbortSignal,
): Promise<{ readonly lines: readonly LoggedOutcome[]; readonly disturbances: Disturbances }> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-layers-'))
  const file = join(directory, 'admitted')
  const proxy = await tcpProxy({ host: server.host, port: server.port })
  const children: ChildProcess[] = []
  const ready = new Set<ChildProcess>()
  const start = (): ChildProcess => {
    const given: Job = { ...job, url: `redis://${proxy.host}:${proxy.port}`, file }
    const program = join(import.meta.dirname, 'worker.ts')
    const child = spawn(process.execPath, ['--conditions=source', program, JSON.stringify(given)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    child.once('message', () => ready.add(child))
    return child
  }
  const disturbances = { stopped: 0, killed: 0, lost: 0 }
  const log = new GrowingLog(file)
  const lines = () => log.read()
  try {
    writeFileSync(file, '')

    for (let i = 0; i < size; i++) children.push(start())
    await Promise.all(children.map((child) => once(child, 'message', { signal })))
    while (!isEnough(lines(), disturbances)) {
      signal.throwIfAborted()
      await wait(20 + Math.random() * 120)
      const at = Math.floor(Math.random() * size)
      const child = children[at] as ChildProcess
      // A process that is stopped while it starts would never be ready.
      if (!ready.has(child)) continue
      const choice = Math.random()
      if (choice < 0.7) {
        child.kill('SIGSTOP')
        await wait(10 + Math.random() * 400)
        child.kill('SIGCONT')
        disturbances.stopped += 1
      } else if (choice < 0.9 || disturbances.killed >= MAX_KILLED) {
        proxy.loseReplies({ after: Math.floor(Math.random() * 4) })
        disturbances.lost += 1
      } else {
        child.kill('SIGKILL')
        children[at] = start()
        disturbances.killed += 1
      }
    }
    for (const child of children) child.kill('SIGTERM')
    await Promise.all(children.map((child) => (child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined)))
    return { lines: lines(), disturbances }
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await proxy.close()
    rmSync(directory, { recursive: true })
  }
}

/** Parses what was added to a file since the last reading: processes that are refused without a call write a hundred thousand lines a second. */
class GrowingLog {
  private readonly file: string
  private readonly lines: LoggedOutcome[] = []
  private position = 0
  private rest = ''

  constructor(file: string) {
    this.file = file
  }

  read(): readonly LoggedOutcome[] {
    const bytes = Buffer.alloc(1 << 20)
    const descriptor = openSync(this.file, 'r')
    try {
      for (let count = 1; count > 0;) {
        count = readSync(descriptor, bytes, 0, bytes.length, this.position)
        this.position += count
        const texts = (this.rest + bytes.toString('latin1', 0, count)).split('\n')
        this.rest = texts.pop() ?? ''
        for (const text of texts) this.lines.push(parsed(text))
      }
    } finally {
      closeSync(descriptor)
    }
    return this.lines
  }
}

function parsed(line: string): LoggedOutcome {
  const [limit, source, granted, at, now] = line.split(' ')
  return { limit: Number(limit), source: source ?? '', granted: Number(granted), at: Number(at), now: Number(now) }
}
