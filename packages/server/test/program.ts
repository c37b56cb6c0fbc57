// The service as a program of its own, as `sluice serve` runs it. Arguments: the flags, as JSON.
import process from 'node:process'
import { runServer } from '../src/index.ts'

const flags = JSON.parse(process.argv[2] ?? '{}') as Record<string, string | true>
try {
  process.exitCode = await runServer({ flags, env: process.env, out: process.stdout, err: process.stderr })
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
