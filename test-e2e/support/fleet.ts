// A fleet of processes on one store, and the history that they made together, in the order of the store.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Answer, Entry, Job } from './fleet-process.ts'

export type { Job } from './fleet-process.ts'

/** A decision with who asked for it, and its place among those of its process. */
export interface Decided extends Entry {
  readonly process: number
  readonly index: number
}

export interface Fleet {
  /** Runs a job in all processes at once. */
  run(job: Job): Promise<readonly (readonly Entry[])[]>
  stop(): void
}

export function startFleet(size: number): Fleet {
  let children: readonly ChildProcess[] = []
  const stop = () => {
    for (const child of children) child.kill()
    children = []
  }
  return {
    async run(job) {
      if (children.length === 0) children = Array.from({ length: size }, start)
      try {
        await Promise.all(children.map((child) => ask(child, job)))
        const answers = await Promise.all(children.map((child) => ask(child, 'go')))
        return answers.map((answer) => ('entries' in answer ? answer.entries : []))
      } catch (error) {
        // Some may be in the middle of it: the next job has processes of its own.
        stop()
        throw error
      }
    },
    stop,
  }
}

function start(): ChildProcess {
  return fork(join(import.meta.dirname, 'fleet-process.ts'), { execArgv: ['--conditions=source'], serialization: 'advanced' })
}

async function ask(child: ChildProcess, message: Job | 'go'): Promise<Answer> {
  child.send(message)
  const gone = new AbortController()
  const ended = once(child, 'exit', { signal: gone.signal }).then(([code]) => Promise.reject(new Error(`a process ended with ${code}`)))
  try {
    const [answer] = (await Promise.race([once(child, 'message'), ended])) as [Answer]
    if ('failed' in answer) throw new Error(answer.failed)
    return answer
  } finally {
    gone.abort()
    ended.catch(() => undefined)
  }
}

/**
 * What was decided about each subject, in the order of the store: by time; within one µs a batch is one process's, and its
 * decisions are in the order of issue.
 */
export function historyOf(logs: readonly (readonly Entry[])[]): readonly (readonly Decided[])[] {
  const bySubject = new Map<number, Decided[]>()
  for (const [process, entries] of logs.entries()) {
    for (const [index, entry] of entries.entries()) {
      const list = bySubject.get(entry.subject) ?? []
      bySubject.set(entry.subject, list)
      list.push({ ...entry, process, index })
    }
  }
  return [...bySubject.values()].map((list) => list.toSorted((a, b) => a.at - b.at || a.process - b.process || a.index - b.index))
}
