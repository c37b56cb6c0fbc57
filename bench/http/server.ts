// One server of the HTTP rows: `server.ts <framework> <plan> [redis url]`. Tells its port, and then, asked, the CPU that it has used.
import { redisStore } from '@sluice/redis'
import { answer } from '../child.ts'
import { cpuMicros } from '../rounds.ts'
import type { Plan, Serve } from './plan.ts'

const [framework, plan, url] = process.argv.slice(2)
const { serve } = (await import(`./${framework}.ts`)) as { serve: Serve }
const port = await serve(plan as Plan, { store: url === undefined ? undefined : redisStore({ url }), url })
answer(() => cpuMicros())
process.send?.(port)
