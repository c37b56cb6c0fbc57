// `npm run bench`: needs a redis-server, as the tests do; then bench/main.ts does the rest.
import { ensureRedis } from './redis.ts'

await ensureRedis()
// By URL, as the scripts are a program of their own to the compiler.
await import(new URL('../bench/main.ts', import.meta.url).href)
