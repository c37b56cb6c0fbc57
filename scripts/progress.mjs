// What an installer does, shown while it runs: one line that is rewritten in a terminal, a plain line every few seconds elsewhere.
import { spawn } from 'node:child_process'

/** ms between two plain lines, where a line cannot be rewritten. */
const PLAIN_EVERY = 5_000
/** ms between two states of the rewritten line. */
const REWRITE_EVERY = 200

/**
 * Runs a command and shows `describe()` and the seconds until it ends. Shows the output of the command only if it fails.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ readonly cwd: string, readonly shell?: boolean, readonly describe: () => string, readonly onLine?: (line: string) => string | undefined }}
 *   options `onLine` sees each line of the output, and returns what to show of it after a failure.
 * @returns {Promise<string | undefined>} What went wrong, or undefined.
 */
export async function runWithProgress(command, args, { cwd, shell = false, describe, onLine = (line) => line }) {
  const start = performance.now()
  const isTerminal = process.stdout.isTTY === true && process.env['CI'] === undefined
  const seconds = () => `${Math.round((performance.now() - start) / 1000)} s`
  const show = (/** @type {string} */ text) =>
    process.stdout.write(isTerminal ? `\r\u001B[K${text.slice(0, (process.stdout.columns || 80) - 1)}` : `${text}\n`)
  const showState = () => show(`${describe()} (${seconds()})`)
  showState()
  const timer = setInterval(showState, isTerminal ? REWRITE_EVERY : PLAIN_EVERY)
  /** @type {string[]} */
  const kept = []
  const keep = (/** @type {string} */ line) => {
    const shown = line === '' ? undefined : onLine(line)
    if (shown !== undefined) kept.push(shown)
  }
  try {
    const child = spawn(command, args, { cwd, shell, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) {
      let rest = ''
      stream.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) keep(line)
      })
      stream.on('end', () => keep(rest))
    }
    const problem = await new Promise((resolve) => {
      child.on('error', (error) => resolve(error.message))
      child.on('close', (code, signal) => resolve(code === 0 ? undefined : `${command} ended with ${code ?? signal}`))
    })
    show(`${describe()}: ${problem === undefined ? 'done in' : 'failed after'} ${seconds()}`)
    if (isTerminal) process.stdout.write('\n')
    return problem === undefined ? undefined : [...kept, problem].join('\n').trim()
  } finally {
    clearInterval(timer)
  }
}

/**
 * Follows the events of `pnpm install --reporter=ndjson`.
 *
 * @returns {{ readonly onLine: (line: string) => string | undefined, readonly describe: () => string }}
 */
export function pnpmProgress() {
  const counts = { resolved: 0, fetched: 0, found_in_store: 0, imported: 0 }
  /** @type {Map<string, number>} Bytes of each download so far. */
  const bytes = new Map()
  /** @type {Map<string, number>} */
  const sizes = new Map()
  /** @type {Set<string>} Packages whose install script runs now. */
  const scripts = new Set()
  let isDone = false

  return {
    onLine(line) {
      if (!line.startsWith('{')) return line
      /** @type {any} */
      const event = JSON.parse(line)
      if (event.name === 'pnpm:summary') isDone = true
      if (event.name === 'pnpm:progress' && event.status in counts) {
        counts[/** @type {keyof typeof counts} */ (event.status)] += 1
        if (event.status === 'fetched') bytes.set(event.packageId, sizes.get(event.packageId) ?? 0)
      } else if (event.name === 'pnpm:fetching-progress') {
        if (event.status === 'started') sizes.set(event.packageId, event.size ?? 0)
        else bytes.set(event.packageId, event.downloaded ?? 0)
      } else if (event.name === 'pnpm:lifecycle' && typeof event.depPath === 'string') {
        if (event.exitCode === undefined) scripts.add(event.depPath)
        else scripts.delete(event.depPath)
        return event.line ? `${event.depPath}: ${event.line}` : undefined
      }
      return event.level === 'error' ? `${event.code ?? 'error'}: ${event.message ?? line}` : undefined
    },
    describe() {
      const { resolved, fetched, found_in_store: found, imported } = counts
      if (resolved === 0) return 'Installing packages: reading the lock file'
      if (imported < resolved) {
        const megabytes = Math.round([...bytes.values()].reduce((sum, size) => sum + size, 0) / 1e6)
        const local = found === 0 ? '' : `${found} from the local store, `
        return `Installing ${resolved} packages: ${fetched} downloaded (${megabytes} MB), ${local}${imported} installed`
      }
      if (scripts.size > 0) return `Installed ${resolved} packages; running the install script of ${[...scripts].join(', ')}`
      return isDone ? `Installed ${resolved} packages` : `Installed ${resolved} packages; linking the workspace`
    },
  }
}
