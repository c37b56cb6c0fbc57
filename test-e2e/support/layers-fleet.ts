// A fleet that is stopped, killed and cut off at random, and what it was admitted all the same.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { RedisServer } from '@sluice/testing/redis'
import { tcpProxy } from '@sluice/testing/redis'
import type { LayersJob } from './layers-process.ts'

export interface Line {
  /** The index of its limit. */
  readonly limit: number
  readonly source: string
  readonly granted: number
  /** µs, as the outcome told. */
  readonly at: number
  /** µs, by the clock of the machine. */
  readonly now: number
}

export interface Trouble {
  readonly stopped: number
  readonly killed: number
  readonly lost: number
}

/** A process takes seconds to start on a busy machine. */
const MOST_KILLED = 3

/** Keeps so many processes busy through a proxy, and makes trouble for one of them every few ms, until there was enough of all. */
export async function troubledFleet(
  server: RedisServer,
  size: number,
  job: Omit<LayersJob, 'url' | 'file'>,
  isEnough: (lines: readonly Line[], trouble: Trouble) => boolean,
  signal: AbortSignal,
): Promise<{ readonly lines: readonly Line[]; readonly trouble: Trouble }> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-layers-'))
  const file = join(directory, 'admitted')
  const proxy = await tcpProxy({ host: server.host, port: server.port })
  const children: ChildProcess[] = []
  const ready = new Set<ChildProcess>()
  const start = (): ChildProcess => {
    const given: LayersJob = { ...job, url: `redis://${proxy.host}:${proxy.port}`, file }
    const program = join(import.meta.dirname, 'layers-process.ts')
    const child = spawn(process.execPath, ['--conditions=source', program, JSON.stringify(given)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    child.once('message', () => ready.add(child))
    return child
  }
  const trouble = { stopped: 0, killed: 0, lost: 0 }
  const lines = () => linesOf(readFileSync(file, 'utf8'))
  try {
    writeFileSync(file, '')

    for (let i = 0; i < size; i++) children.push(start())
    await Promise.all(children.map((child) => once(child, 'message', { signal })))
    while (!isEnough(lines(), trouble)) {
      signal.throwIfAborted()
      await wait(20 + Math.random() * 120)
      const at = Math.floor(Math.random() * size)
      const child = children[at] as ChildProcess
      // Stopped while it starts, it would never have.
      if (!ready.has(child)) continue
      const what = Math.random()
      if (what < 0.7) {
        child.kill('SIGSTOP')
        await wait(10 + Math.random() * 400)
        child.kill('SIGCONT')
        trouble.stopped += 1
      } else if (what < 0.9 || trouble.killed >= MOST_KILLED) {
        proxy.loseReplies({ after: Math.floor(Math.random() * 4) })
        trouble.lost += 1
      } else {
        child.kill('SIGKILL')
        children[at] = start()
        trouble.killed += 1
      }
    }
    for (const child of children) child.kill('SIGTERM')
    await Promise.all(children.map((child) => (child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined)))
    return { lines: lines(), trouble }
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await proxy.close()
    rmSync(directory, { recursive: true })
  }
}

function linesOf(text: string): readonly Line[] {
  const lines = text.split('\n').slice(0, -1)
  return lines.map((line) => {
    const [limit, source, granted, at, now] = line.split(' ')
    return { limit: Number(limit), source: source ?? '', granted: Number(granted), at: Number(at), now: Number(now) }
  })
}
