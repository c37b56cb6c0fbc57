// Runs child processes for supervised-process.ts. When stdin closes, the parent has ended, even by SIGKILL: then the children
// are killed and the folders removed. Requests and answers are lines of JSON.
import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** @type {Map<number, import('node:child_process').ChildProcess>} Running children, by the id of the request that started them. */
const running = new Map()
/** @type {Set<string>} */
const folders = new Set()

/** @type {Record<string, (request: any, answer: (fields?: object) => void) => void>} */
const requests = {
  folder(_, answer) {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'))
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
      send({ exit: id, how: signal ?? `code ${code}` })
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
  const answer = (/** @type {object} */ fields = {}) => send({ id, ...fields })
  try {
    requests[action]?.({ id, ...fields }, answer)
  } catch (error) {
    answer({ error: String(error) })
  }
})
lines.on('close', end)
// The parent no longer reads. The end of stdin follows.
process.stdout.on('error', () => {})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end)

async function end() {
  await Promise.all(Array.from(running.values(), kill))
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  process.exit()
}

/** Resolves when the child has ended. SIGKILL ends a stopped process too. @param {import('node:child_process').ChildProcess} [child] */
function kill(child) {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', resolve)
    child.kill('SIGKILL')
  })
}

/** @param {object} message */
function send(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
