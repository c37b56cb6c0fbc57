// `npm run bench`: makes sure that there is a redis-server, then runs bench/main.ts.
import { ensureRedis } from './redis.ts'

await ensureRedis()
// By URL, since bench/ is another project to the compiler.
await import(new URL('../bench/main.ts', import.meta.url).href)
