// Runs what supervised-process.ts asks for, and outlives it by a moment: when its stdin closes, whatever ended the other side (SIGKILL
// too), the processes are killed and the folders removed. Requests and answers are lines of JSON.
import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** @type {Map<number, import('node:child_process').ChildProcess>} Those that run, by the id of the request. */
const running = new Map()
/** @type {Set<string>} */
const folders = new Set()

/** @type {Record<string, (request: any, answer: (fields?: object) => void) => void>} */
const requests = {
  folder(_, answer) {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'))
    folders.add(folder)
    answer({ folder })
  },
  spawn({ id, command, args, folder, log }, answer) {
    const file = openSync(join(folder, log), 'a')
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', file, file] })
    closeSync(file)
    child.once('error', (error) => answer({ error: error.message }))
    child.once('spawn', () => {
      running.set(id, child)
      answer({ pid: child.pid })
    })
    child.once('exit', (code, signal) => {
      running.delete(id)
      say({ exit: id, how: signal ?? `code ${code}` })
    })
  },
  signal({ target, signal }, answer) {
    running.get(target)?.kill(signal)
    answer()
  },
  kill({ target }, answer) {
    void kill(running.get(target)).then(() => answer())
  },
  remove({ folder }, answer) {
    folders.delete(folder)
    rmSync(folder, { recursive: true, force: true })
    answer()
  },
}

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const { id, action, ...fields } = JSON.parse(line)
  const answer = (/** @type {object} */ told = {}) => say({ id, ...told })
  try {
    requests[action]?.({ id, ...fields }, answer)
  } catch (error) {
    answer({ error: String(error) })
  }
})
lines.on('close', end)
// Nobody is left to read: the end of stdin follows.
process.stdout.on('error', () => {})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end)

async function end() {
  await Promise.all(Array.from(running.values(), kill))
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  process.exit()
}

/** Resolves when it is gone. SIGKILL ends a stopped process too. @param {import('node:child_process').ChildProcess} [child] */
function kill(child) {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', resolve)
    child.kill('SIGKILL')
  })
}

/** @param {object} message */
function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
