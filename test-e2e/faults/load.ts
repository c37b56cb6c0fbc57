// Two processes under load, kept for one case after the other, and the time that this process itself could not run.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Ask, Job, Report } from './load-process.ts'

const PROCESSES = 2

export interface Load {
  start(job: Job): Promise<void>
  /** Memory is read, after a collection. */
  mark(): Promise<void>
  /** From now on, subjects that nobody has seen. */
  fresh(): Promise<void>
  dns(isKnown: boolean): Promise<void>
  /** So many ms from now on, for a store that was given a clock. */
  shift(milliseconds: number): Promise<void>
  /** Whether every breaker of every process is closed. */
  isNormal(): Promise<boolean>
  stop(): Promise<readonly Report[]>
  end(): void
}

export function startLoad(): Load {
  let children: readonly ChildProcess[] = []
  const tell = (ask: Ask): Promise<readonly unknown[]> => Promise.all(children.map((child) => told(child, ask)))
  const end = (): void => {
    for (const child of children) child.kill('SIGKILL')
    children = []
  }
  return {
    async start(job) {
      if (children.some((child) => child.exitCode !== null || !child.connected)) end()
      if (children.length === 0) children = Array.from({ length: PROCESSES }, startProcess)
      await tell({ start: job })
    },
    mark: async () => void (await tell({ mark: true })),
    fresh: async () => void (await tell({ fresh: true })),
    dns: async (isKnown) => void (await tell({ dns: isKnown })),
    shift: async (milliseconds) => void (await tell({ shift: milliseconds })),
    isNormal: async () => (await tell({ health: true })).every((one) => one === true),
    stop: async () => (await tell({ stop: true })) as readonly Report[],
    end,
  }
}

function startProcess(): ChildProcess {
  const execArgv = ['--conditions=source', '--expose-gc', '--disable-warning=ExperimentalWarning']
  return fork(join(import.meta.dirname, 'load-process.ts'), { execArgv, serialization: 'advanced' })
}

async function told(child: ChildProcess, ask: Ask): Promise<unknown> {
  child.send(ask)
  const gone = new AbortController()
  const ended = once(child, 'exit', { signal: gone.signal }).then(([code]) =>
    Promise.reject(new Error(`a process of the load ended with ${code}`)),
  )
  try {
    const [answer] = (await Promise.race([once(child, 'message', { signal: gone.signal }), ended])) as [unknown]
    if (typeof answer === 'object' && answer !== null && 'failed' in answer) throw new Error(String(answer.failed))
    return answer
  } finally {
    gone.abort()
    ended.catch(() => undefined)
  }
}

/** ms, comparable between processes of one machine. */
export const now = (): number => performance.timeOrigin + performance.now()

const own: [from: number, to: number, lost: number][] = []
let watching: NodeJS.Timeout | undefined

/** The proxies run in this process: while it has no processor, every reply is late. */
export function watchThisProcess(): () => void {
  let [before, cpu] = [now(), process.threadCpuUsage()]
  watching ??= setInterval(() => {
    const [t, used] = [now(), process.threadCpuUsage()]
    const lost = t - before - 2 - (used.user + used.system - cpu.user - cpu.system) / 1000
    if (lost > 1.2) own.push([before, t, lost])
    ;[before, cpu] = [t, used]
  }, 2)
  return () => {
    clearInterval(watching)
    watching = undefined
  }
}
export const ownStalls = (): readonly (readonly [from: number, to: number, lost: number])[] => own
