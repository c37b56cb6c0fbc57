// Runs the Worker in workerd on this machine, sends it requests, prints the responses, and serves until Ctrl-C.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'

const require = createRequire(import.meta.url)
const fields = ['RateLimit', 'X-RateLimit-Remaining', 'Retry-After']
const burst = [...Array<string>(5).fill(''), ...Array<string>(6).fill('key-of-ann'), ...Array<string>(2).fill('key-of-bea')]
const requests = burst.slice(0, Number(process.env['BURST'] ?? burst.length))

// Does the work of `wrangler dev`, but takes Sluice from its sources, so that nothing has to be built first.
const folder = mkdtempSync(join(tmpdir(), 'sluice-edge-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
await build({
  entryPoints: [join(import.meta.dirname, 'app.ts')],
  outfile: join(folder, 'worker.js'),
  bundle: true,
  format: 'esm',
  conditions: ['source', 'workerd', 'worker', 'browser'],
})
const config = JSON.parse(readFileSync(join(import.meta.dirname, 'wrangler.json'), 'utf8')) as object
writeFileSync(join(folder, 'wrangler.json'), JSON.stringify({ ...config, main: 'worker.js', no_bundle: true }))

const { default: binary } = require('workerd') as { readonly default: string }
const address = `http=127.0.0.1:${process.env['PORT'] ?? 8787}`
const workerd = spawn(binary, ['serve', 'wrangler.json', '--control-fd=3', `--socket-addr=${address}`], {
  cwd: folder,
  stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => workerd.kill('SIGKILL'))
// Neither process may outlive the other.
process.once('exit', () => workerd.kill('SIGKILL'))
workerd.once('exit', (code) => process.exit(code ?? 0))

const [ready] = (await once(workerd.stdio[3] as NodeJS.ReadableStream, 'data')) as [Buffer]
const url = `http://localhost:${/"port":(\d+)/.exec(String(ready))![1]}/`
const rows = [['#', 'key', 'status', ...fields]]
for (const [i, key] of requests.entries()) {
  const response = await fetch(url, { headers: key === '' ? {} : { 'x-api-key': key } })
  await response.arrayBuffer()
  rows.push([`${i + 1}`, key || '-', `${response.status}`, ...fields.map((field) => response.headers.get(field) ?? '-')])
}
const width = (column: number) => Math.max(...rows.map((row) => row[column]!.length))
const lineOf = (row: readonly string[]) =>
  row
    .map((cell, i) => cell.padEnd(width(i)))
    .join('  ')
    .trimEnd()
if (requests.length > 0) console.log(`${rows.map(lineOf).join('\n')}\n`)
console.log(`Listening. Try:  curl -i -H 'x-api-key: key-of-bea' ${url}\nCtrl-C ends it.`)
