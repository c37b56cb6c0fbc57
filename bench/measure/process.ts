// Processes of their own for what is measured: no contender shares a heap, compiled code or an event loop with another.
// A process answers each message with one message.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Rounds, runRounds, type Sample, type Settings } from './rounds.ts'

/** What a contender's process is asked: request each subject once, or decide for so many ms and return a `Sample`. */
export type Order = 'visit all' | number

export class MeasuredProcess {
  private readonly child: ChildProcess
  private readonly description: string

  /** Starts a file of bench/, named from that folder. */
  constructor(file: string, args: readonly string[], execArgv: readonly string[] = []) {
    this.description = `${file} ${args.join(' ')}`
    this.child = fork(fileURLToPath(new URL(`../${file}`, import.meta.url)), args, {
      execArgv: ['--conditions=source', ...execArgv],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
  }

  request<T>(message: unknown): Promise<T> {
    this.child.send(message as object)
    return this.nextMessage<T>()
  }

  /** Rejects if the process ends before it sends a message. */
  nextMessage<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`${this.description} ended with ${code}`))
      this.child.once('exit', onExit)
      this.child.once('message', (message) => {
        this.child.off('exit', onExit)
        resolve(message as T)
      })
    })
  }

  stop(): void {
    this.child.kill()
  }
}

/**
 * Runs the rounds of contenders that have a process each.
 * @param file of bench/, which runs with the id of a contender and `args`
 * @param ids by the names that the report has
 */
export function runContenders(
  file: string,
  ids: Readonly<Record<string, string>>,
  settings: Settings,
  args: readonly string[] = [],
): Promise<Rounds> {
  return runProcesses(new Map(Object.entries(ids).map(([name, id]) => [name, new MeasuredProcess(file, [id, ...args])])), settings)
}

/** Runs the rounds of contenders that have a process each, and stops the processes. */
export async function runProcesses(processes: ReadonlyMap<string, MeasuredProcess>, settings: Settings): Promise<Rounds> {
  const order = <T>(process: MeasuredProcess, what: Order) => process.request<T>(what)
  try {
    for (const process of processes.values()) await order(process, 'visit all')
    const contenders = Array.from(processes, ([name, process]) => ({ name, turn: (ms: number) => order<Sample>(process, ms) }))
    return await runRounds(contenders, settings)
  } finally {
    for (const process of processes.values()) process.stop()
  }
}

/** In a measured process: the contender whose id is its first argument. */
export function namedContender<T>(contenders: Readonly<Record<string, T>>): T {
  const [id = ''] = process.argv.slice(2)
  const contender = contenders[id]
  if (contender === undefined) throw new Error(`No contender is named "${id}".`)
  return contender
}

/** In a measured process: answers each message, and ends with the parent. */
export function answerParent(answer: (message: unknown) => unknown): void {
  process.on('message', (message) => {
    void Promise.resolve(answer(message)).then((result) => process.send?.(result ?? {}))
  })
  process.once('disconnect', () => process.exit())
}
