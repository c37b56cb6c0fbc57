/// <reference types="node" />
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A child process that ends with this process, even when this process is killed. */
export interface SupervisedProcess {
  readonly pid: number
  /** How the process ended, such as `code 1` or `SIGKILL`; `undefined` while it runs. */
  ended(): string | undefined
  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): Promise<void>
  /** SIGKILL. Resolves when the process has ended. */
  kill(): Promise<void>
}

/** Creates a temporary folder that is removed when this process ends. */
export async function makeFolder(): Promise<string> {
  const { folder } = await current().send({ action: 'folder' })
  current().folders.add(folder!)
  return folder!
}

export async function removeFolder(folder: string): Promise<void> {
  current().folders.delete(folder)
  await current().send({ action: 'remove', folder })
}

/** Runs a command in a folder. Its output goes to the file `log` there. */
export async function runSupervised(command: string, args: readonly string[], folder: string, log: string): Promise<SupervisedProcess> {
  const supervisor = current()
  const { id, pid } = await supervisor.send({ action: 'spawn', command, args, folder, log })
  return {
    pid: pid!,
    ended: () => supervisor.exits.get(id),
    // Without the supervisor, the process has been killed already.
    signal: async (signal) => void (supervisor.lost || (await supervisor.send({ action: 'signal', target: id, signal }))),
    kill: async () => void (supervisor.lost || (await supervisor.send({ action: 'kill', target: id }))),
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
  if (supervisor === undefined || supervisor.lost) supervisor = new Supervisor()
  return supervisor
}

/** The client of supervisor.mjs. One supervisor serves all child processes of this process. */
class Supervisor {
  readonly folders = new Set<string>()
  readonly exits = new Map<number, string>()
  lost = false
  private readonly pending = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>()
  private readonly pids = new Map<number, number>()
  private readonly stdin: Socket
  private readonly stdout: Socket
  private ids = 0

  constructor() {
    // Detached into its own process group. Otherwise Ctrl-C, or a runner that kills the group, would end it before it cleans up.
    const script = fileURLToPath(new URL('./supervisor.mjs', import.meta.url))
    const child = spawn(process.execPath, [script], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    this.stdin = child.stdin as Socket
    this.stdout = child.stdout as Socket
    this.stdin.on('error', () => undefined)
    createInterface({ input: this.stdout }).on('line', (line) => this.receive(JSON.parse(line) as Answer | Exit))
    child.once('error', (error) => this.onLost(error))
    child.once('exit', () => this.onLost(new Error('supervisor.mjs ended unexpectedly; all supervised processes were killed')))
    // A child that was not stopped must not keep this process alive. When this process ends, the pipe closes and the
    // supervisor cleans up.
    child.unref()
    this.stdin.unref()
    this.stdout.unref()
  }

  send(request: { readonly action: string; readonly [field: string]: unknown }): Promise<Answer> {
    const id = (this.ids += 1)
    this.stdout.ref()
    this.stdin.write(`${JSON.stringify({ id, ...request })}\n`)
    return new Promise((resolve, reject) => this.pending.set(id, { resolve, reject }))
  }

  private receive(message: Answer | Exit): void {
    if ('exit' in message) {
      this.exits.set(message.exit, message.how)
      this.pids.delete(message.exit)
      return
    }
    const waiting = this.pending.get(message.id)
    this.pending.delete(message.id)
    if (this.pending.size === 0) this.stdout.unref()
    if (message.pid !== undefined) this.pids.set(message.id, message.pid)
    if (message.error === undefined) waiting?.resolve(message)
    else waiting?.reject(new Error(message.error))
  }

  /** The supervisor alone was killed, so this process kills the children and removes the folders. */
  private onLost(error: Error): void {
    this.lost = true
    for (const [id, pid] of this.pids) {
      this.exits.set(id, 'SIGKILL')
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // The process has ended already.
      }
    }
    for (const folder of this.folders) rmSync(folder, { recursive: true, force: true })
    for (const waiting of this.pending.values()) waiting.reject(error)
    this.pending.clear()
  }
}
