// One server of groups/http.ts: `server.ts <framework> <setup> [redis url]`. Sends its port to its parent, and answers each message with
// the µs of CPU that it has used.
import { redisStore } from '@sluice/redis'
import { answerParent } from '../measure/process.ts'
import { cpuMicros } from '../measure/rounds.ts'
import type { Setup, Serve } from './setup.ts'

const [framework, setup, url] = process.argv.slice(2)
const { serve } = (await import(`./${framework}.ts`)) as { serve: Serve }
const port = await serve(setup as Setup, { store: url === undefined ? undefined : redisStore({ url }), url })
answerParent(() => cpuMicros())
process.send?.(port)
