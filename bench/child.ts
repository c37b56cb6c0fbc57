// A process of its own for what must not share a heap or a core's time with the rest: it answers each message with one.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { alternate, type Rounds, type Settings, type Turn } from './rounds.ts'

export class Child {
  private readonly process: ChildProcess
  private readonly what: string

  constructor(file: string, args: readonly string[], execArgv: readonly string[] = []) {
    this.what = `${file} ${args.join(' ')}`
    this.process = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
      execArgv: ['--conditions=source', ...execArgv],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
  }

  ask<T>(question: unknown): Promise<T> {
    this.process.send(question as object)
    return this.next<T>()
  }

  /** Its next message; rejects if it ends before. */
  next<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`${this.what} ended with ${code}`))
      this.process.once('exit', ended)
      this.process.once('message', (answer) => {
        this.process.off('exit', ended)
        resolve(answer as T)
      })
    })
  }

  stop(): void {
    this.process.kill()
  }
}

/** Lanes that have a process each: told a number of ms, it takes a turn; told anything else before, it asks for everybody. Ends them. */
export async function inProcesses(children: ReadonlyMap<string, Child>, settings: Settings): Promise<Rounds> {
  try {
    for (const child of children.values()) await child.ask('everybody')
    const lanes = Array.from(children, ([name, child]) => ({ name, turn: (ms: number) => child.ask<Turn>(ms) }))
    return await alternate(lanes, settings)
  } finally {
    for (const child of children.values()) child.stop()
  }
}

/** In the child: answers every message, and ends with its parent. */
export function answer(respond: (question: unknown) => unknown): void {
  process.on('message', (question) => {
    void Promise.resolve(respond(question)).then((said) => process.send?.(said ?? {}))
  })
  process.once('disconnect', () => process.exit())
}
