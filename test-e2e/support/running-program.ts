// A program as a person runs it: one command, its output, Ctrl-C.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { waitUntil } from '@sluice/testing/redis'
import { ROOT } from './workspace.ts'

export interface RunningProgram {
  /** All output so far. */
  output(): string
  /**
   * Resolves with the match once the output matches. Rejects if the program ends before.
   * @param timeout ms. Default: 30,000.
   */
  waitFor(pattern: RegExp, timeout?: number): Promise<RegExpExecArray>
  /** Exit code and signal, once the program has ended and all output has been read. */
  readonly ended: Promise<readonly unknown[]>
  /** Ends the program as Ctrl-C does. */
  interrupt(): Promise<readonly unknown[]>
  /** SIGTERM: the program ends, and so do the processes that it started. */
  stop(): void
}

/** Runs a command. Variables of `env` that are `undefined` are removed. */
export function runProgram(
  [command, ...args]: readonly [string, ...string[]],
  { cwd = ROOT, env = {} }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string | undefined>> } = {},
): RunningProgram {
  const child: ChildProcess = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
  // `close` and not `exit`: by then all output has been read.
  const ended = once(child, 'close')
  return {
    output: () => output,
    async waitFor(pattern, timeout) {
      await waitUntil(`output that matches ${pattern}`, () => child.exitCode !== null || pattern.test(output), timeout)
      const match = pattern.exec(output)
      if (match === null) throw new Error(`the program ended before its output matched ${pattern}:\n${output}`)
      return match
    },
    ended,
    interrupt() {
      child.kill('SIGINT')
      return ended
    },
    stop: () => void child.kill('SIGTERM'),
  }
}

/** The command that runs a TypeScript file of the repository. */
export function nodeProgram(...path: readonly string[]): readonly [string, ...string[]] {
  return [process.execPath, '--conditions=source', join(ROOT, ...path)]
}
