// Several processes on one store, and the history of their decisions in the order of the store.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Answer, LoggedDecision, Job } from './worker.ts'

export type { Job } from './worker.ts'

/** A decision with the process that sent it, and its index among the decisions of that process. */
export interface Decided extends LoggedDecision {
  readonly process: number
  readonly index: number
}

export interface ProcessGroup {
  /** Runs a job in all processes at once. */
  run(job: Job): Promise<readonly (readonly LoggedDecision[])[]>
  stop(): void
}

export function startProcesses(size: number): ProcessGroup {
  let children: readonly ChildProcess[] = []
  const stop = () => {
    for (const child of children) child.kill()
    children = []
  }
  return {
    async run(job) {
      if (children.length === 0) children = Array.from({ length: size }, start)
      try {
        await Promise.all(children.map((child) => request(child, job)))
        const answers = await Promise.all(children.map((child) => request(child, 'go')))
        return answers.map((answer) => ('entries' in answer ? answer.entries : []))
      } catch (error) {
        // Some processes may still be running this job, so the next job gets new ones.
        stop()
        throw error
      }
    },
    stop,
  }
}

function start(): ChildProcess {
  return fork(join(import.meta.dirname, 'worker.ts'), { execArgv: ['--conditions=source'], serialization: 'advanced' })
}

async function request(child: ChildProcess, message: Job | 'go'): Promise<Answer> {
  child.send(message)
  const answered = new AbortController()
  const ended = once(child, 'exit', { signal: answered.signal }).then(([code]) =>
    Promise.reject(new Error(`expected an answer of the process, but it ended with code ${code}`)),
  )
  try {
    const [answer] = (await Promise.race([once(child, 'message'), ended])) as [Answer]
    if ('failed' in answer) throw new Error(answer.failed)
    return answer
  } finally {
    answered.abort()
    ended.catch(() => undefined)
  }
}

/**
 * The decisions about each subject, in the order of the store. That is by time, and within one µs by process and order of sending:
 * a batch comes from one process.
 */
export function historiesOf(logs: readonly (readonly LoggedDecision[])[]): readonly (readonly Decided[])[] {
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
