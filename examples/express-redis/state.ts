// Prints what Redis holds of a subject, and changes nothing. `node --conditions=source state.ts SUBJECT [FILE]`; the file exports `policy`:
// the name and the limits of a limiter. Default: that of the app.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describeSubject, formatSubject, type LimiterDefinition } from '@sluice/redis'

const [subject, file = resolve(import.meta.dirname, 'policy.ts')] = process.argv.slice(2)
if (subject === undefined) {
  console.error('usage: node state.ts SUBJECT [FILE]')
  process.exit(1)
}
const url = process.env['REDIS_URL'] ?? 'redis://localhost:6379'
const { policy } = (await import(pathToFileURL(resolve(file)).href)) as { policy: LimiterDefinition }
const description = await describeSubject({ url }, { subject, prefix: process.env['PREFIX'], limiters: [policy] })
process.stdout.write(formatSubject(description))
