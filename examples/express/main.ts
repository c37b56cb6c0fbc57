// Starts the app, sends it a burst of requests over a real socket, prints the responses, and serves until Ctrl-C.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Duration } from '@sluice/express'
import { createApp } from './app.ts'

const limit = Number(process.env['LIMIT'] ?? 5)
const window = (process.env['WINDOW'] ?? '20s') as Duration
const burst = Number(process.env['BURST'] ?? limit + 2)
const fields = ['RateLimit-Policy', 'RateLimit', 'X-RateLimit-Remaining', 'Retry-After']

const { app, limiters } = createApp({ limit, window })
const server = app.listen(Number(process.env['PORT'] ?? 3000))
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The server first, then the limiters. A store on Redis and its client would follow.
    server.close(() => {
      for (const limiter of limiters) void limiter.close()
    })
    server.closeAllConnections()
  })
}
try {
  await once(server, 'listening')
} catch (error) {
  console.error(`Cannot listen: ${(error as Error).message}. Set PORT to a free one.`)
  process.exit(1)
}

const url = `http://localhost:${(server.address() as AddressInfo).port}/`
console.log(`GET / is limited to ${limit} requests per ${window} and client address (memory store).\n`)
const rows = [['#', 'status', ...fields]]
for (let i = 1; i <= burst; i++) {
  const response = await fetch(url)
  await response.arrayBuffer()
  rows.push([`${i}`, `${response.status}`, ...fields.map((field) => response.headers.get(field) ?? '-')])
}
if (burst > 0) print(rows)
console.log(`Listening. Try:  curl -i ${url}\nCtrl-C ends it.`)

function print(table: readonly (readonly string[])[]): void {
  const width = (column: number) => Math.max(...table.map((row) => row[column]?.length ?? 0))
  for (const row of table)
    console.log(
      row
        .map((cell, column) => cell.padEnd(width(column)))
        .join('  ')
        .trimEnd(),
    )
  console.log()
}
