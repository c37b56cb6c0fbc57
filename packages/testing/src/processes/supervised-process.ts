/// <reference types="node" />
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A process that does not outlive this one, whatever ends this one. */
export interface Supervised {
  readonly pid: number
  /** How it ended, once it has. */
  ended(): string | undefined
  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): Promise<void>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

/** A temporary folder that does not outlive this process. */
export async function makeFolder(): Promise<string> {
  const { folder } = await current().ask({ action: 'folder' })
  current().folders.add(folder!)
  return folder!
}

export async function removeFolder(folder: string): Promise<void> {
  current().folders.delete(folder)
  await current().ask({ action: 'remove', folder })
}

/** Runs a command in a folder, what it says going to a file there. */
export async function runSupervised(command: string, args: readonly string[], folder: string, log: string): Promise<Supervised> {
  const supervisor = current()
  const { id, pid } = await supervisor.ask({ action: 'spawn', command, args, folder, log })
  return {
    pid: pid!,
    ended: () => supervisor.exits.get(id),
    // With the supervisor gone, so is the process.
    signal: async (signal) => void (supervisor.gone || (await supervisor.ask({ action: 'signal', target: id, signal }))),
    kill: async () => void (supervisor.gone || (await supervisor.ask({ action: 'kill', target: id }))),
  }
}

interface Answer {
  readonly id: number
  readonly folder?: string
  readonly pid?: number
  readonly error?: string
}
interface Exit {
  readonly exit: number
  readonly how: string
}

let supervisor: Supervisor | undefined

function current(): Supervisor {
  if (supervisor === undefined || supervisor.gone) supervisor = new Supervisor()
  return supervisor
}

/** This side of supervisor.mjs: one for all the servers that this process starts. */
class Supervisor {
  readonly folders = new Set<string>()
  readonly exits = new Map<number, string>()
  gone = false
  private readonly asked = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>()
  private readonly pids = new Map<number, number>()
  private readonly stdin: Socket
  private readonly stdout: Socket
  private ids = 0

  constructor() {
    // In a process group of its own: Ctrl-C and a runner that kills a whole group would end it before it has cleaned up.
    const script = fileURLToPath(new URL('./supervisor.mjs', import.meta.url))
    const child = spawn(process.execPath, [script], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    this.stdin = child.stdin as Socket
    this.stdout = child.stdout as Socket
    this.stdin.on('error', () => undefined)
    createInterface({ input: this.stdout }).on('line', (line) => this.hear(JSON.parse(line) as Answer | Exit))
    child.once('error', (error) => this.lose(error))
    child.once('exit', () => this.lose(new Error('The supervisor of the Redis servers is gone.')))
    // A server that was not stopped does not keep its process alive; its end closes the pipe, and the supervisor does the rest.
    child.unref()
    this.stdin.unref()
    this.stdout.unref()
  }

  ask(request: { readonly action: string; readonly [field: string]: unknown }): Promise<Answer> {
    const id = (this.ids += 1)
    this.stdout.ref()
    this.stdin.write(`${JSON.stringify({ id, ...request })}\n`)
    return new Promise((resolve, reject) => this.asked.set(id, { resolve, reject }))
  }

  private hear(message: Answer | Exit): void {
    if ('exit' in message) {
      this.exits.set(message.exit, message.how)
      this.pids.delete(message.exit)
      return
    }
    const waiting = this.asked.get(message.id)
    this.asked.delete(message.id)
    if (this.asked.size === 0) this.stdout.unref()
    if (message.pid !== undefined) this.pids.set(message.id, message.pid)
    if (message.error === undefined) waiting?.resolve(message)
    else waiting?.reject(new Error(message.error))
  }

  /** Somebody killed the supervisor alone: what it would have done is done here. */
  private lose(error: Error): void {
    this.gone = true
    for (const [id, pid] of this.pids) {
      this.exits.set(id, 'SIGKILL')
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It is gone already.
      }
    }
    for (const folder of this.folders) rmSync(folder, { recursive: true, force: true })
    for (const waiting of this.asked.values()) waiting.reject(error)
    this.asked.clear()
  }
}
