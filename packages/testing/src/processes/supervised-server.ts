/// <reference types="node" />
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { removeFolder, runSupervised, type SupervisedProcess } from './supervised-process.ts'
import { waitUntil } from './wait-until.ts'

/** A server process in a temporary folder. Both are removed when this process ends, even by SIGKILL. */
export class SupervisedServer {
  protected readonly folder: string
  private readonly log: string
  private process: SupervisedProcess | undefined
  private lastLogs: string | undefined

  /** @param log the name of the file in the folder that gets the output of every start */
  constructor(folder: string, log: string) {
    this.folder = folder
    this.log = log
  }

  /** `undefined` before the first start. */
  get pid(): number | undefined {
    return this.process?.pid
  }

  get alive(): boolean {
    return this.process !== undefined && this.process.ended() === undefined
  }

  async kill(): Promise<void> {
    await this.process?.kill()
  }

  async pause(): Promise<void> {
    await this.process?.signal('SIGSTOP')
  }

  async resume(): Promise<void> {
    await this.process?.signal('SIGCONT')
  }

  async stop(): Promise<void> {
    if (this.lastLogs !== undefined) return
    await this.kill()
    this.lastLogs = this.logs()
    await removeFolder(this.folder)
  }

  logs(): string {
    const file = join(this.folder, this.log)
    return this.lastLogs ?? (existsSync(file) ? readFileSync(file, 'utf8') : '')
  }

  /**
   * Starts the process, and waits until it answers. Rejects with its output if it ends before.
   * @param what names the server in messages, such as `etcd on port 2379`
   * @param answers one that throws does not answer yet
   * @param timeout ms. Default: 30,000.
   */
  protected async run(
    what: string,
    [command = '', ...args]: readonly string[],
    answers: () => boolean | Promise<boolean>,
    timeout?: number,
  ): Promise<void> {
    const started = await runSupervised(command, args, this.folder, this.log)
    this.process = started
    await waitUntil(what, async () => started.ended() !== undefined || (await answers()), timeout)
    // Not `started`, since another start may have replaced it.
    if (!this.alive) throw new Error(`${what} ended (${started.ended()}):\n${this.logs()}`)
  }
}
