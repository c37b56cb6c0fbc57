// Two load processes, reused for one fault after the other, and the times when this process could not run.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Command, Job, Report } from './load-process.ts'

const PROCESSES = 2

export interface Load {
  start(job: Job): Promise<void>
  /** Measures memory after a garbage collection. */
  mark(): Promise<void>
  /** Uses new subjects from now on. */
  fresh(): Promise<void>
  /** False: the name of the server can no longer be resolved. */
  dns(isKnown: boolean): Promise<void>
  /** Shifts the clock of the store by this many ms. */
  shift(milliseconds: number): Promise<void>
  /** True if every breaker of every process is closed. */
  isNormal(): Promise<boolean>
  stop(): Promise<readonly Report[]>
  end(): void
}

export function startLoad(): Load {
  let children: readonly ChildProcess[] = []
  const sendAll = (command: Command): Promise<readonly unknown[]> => Promise.all(children.map((child) => send(child, command)))
  const end = (): void => {
    for (const child of children) child.kill('SIGKILL')
    children = []
  }
  return {
    async start(job) {
      if (children.some((child) => child.exitCode !== null || !child.connected)) end()
      if (children.length === 0) children = Array.from({ length: PROCESSES }, startProcess)
      await sendAll({ start: job })
    },
    mark: async () => void (await sendAll({ mark: true })),
    fresh: async () => void (await sendAll({ fresh: true })),
    dns: async (isKnown) => void (await sendAll({ dns: isKnown })),
    shift: async (milliseconds) => void (await sendAll({ shift: milliseconds })),
    isNormal: async () => (await sendAll({ health: true })).every((one) => one === true),
    stop: async () => (await sendAll({ stop: true })) as readonly Report[],
    end,
  }
}

function startProcess(): ChildProcess {
  const execArgv = ['--conditions=source', '--expose-gc', '--disable-warning=ExperimentalWarning']
  return fork(join(import.meta.dirname, 'load-process.ts'), { execArgv, serialization: 'advanced' })
}

async function send(child: ChildProcess, command: Command): Promise<unknown> {
  child.send(command)
  const answered = new AbortController()
  const ended = once(child, 'exit', { signal: answered.signal }).then(([code]) =>
    Promise.reject(new Error(`expected an answer of a load process, but it ended with code ${code}`)),
  )
  try {
    const [answer] = (await Promise.race([once(child, 'message', { signal: answered.signal }), ended])) as [unknown]
    if (typeof answer === 'object' && answer !== null && 'failed' in answer) throw new Error(String(answer.failed))
    return answer
  } finally {
    answered.abort()
    ended.catch(() => undefined)
  }
}

/** ms, comparable between processes of one machine. */
export const now = (): number => performance.timeOrigin + performance.now()

/** Stalls of this process: from, to, and the ms without a processor in between. */
const stalls: [from: number, to: number, lost: number][] = []
let watching: NodeJS.Timeout | undefined

/** The proxies run in this process, so every reply is late while it has no processor. */
export function watchThisProcess(): () => void {
  let [before, cpu] = [now(), process.threadCpuUsage()]
  watching ??= setInterval(() => {
    const [t, used] = [now(), process.threadCpuUsage()]
    const lost = t - before - 2 - (used.user + used.system - cpu.user - cpu.system) / 1000
    if (lost > 1.2) stalls.push([before, t, lost])
    ;[before, cpu] = [t, used]
  }, 2)
  return () => {
    clearInterval(watching)
    watching = undefined
  }
}
export const ownStalls = (): readonly (readonly [from: number, to: number, lost: number])[] => stalls
