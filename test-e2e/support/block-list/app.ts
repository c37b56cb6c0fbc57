// One of the processes of block-list.test.ts: an application on Express that shares a limit and a block list in Redis. It writes its port.
import type { AddressInfo } from 'node:net'
import { blockList } from '@sluice/blocklist'
import { fixedWindow, rateLimit, user } from '@sluice/express'
import { redisBlockStorage, redisStore } from '@sluice/redis'
import express, { type Request } from 'express'

const redis = { url: process.env['REDIS_URL'] ?? '' }
const blocks = blockList({
  storage: redisBlockStorage(redis),
  // One of a hundred clients may be blocked in a minute: there are fewer here.
  rule: { mode: 'enforce', strikes: 20, endpoints: 3, maxShare: 1 },
  allow: ['203.0.113.99'],
  on: { change: ({ change, record }) => console.log(JSON.stringify({ change, name: record.name, at: Date.now() })) },
})
await blocks.ready()

const app = express()
app.set('trust proxy', 1)
app.use(
  rateLimit({
    name: 'api',
    store: redisStore(redis),
    blockList: blocks,
    // Stands for a session: the application knows whom it names. Without one, the address is limited.
    limits: [fixedWindow({ name: 'client', limit: 5, window: '1s', key: user((req: Request) => req.get('x-user')) })],
  }),
)
app.get('/:page', (_req, res) => void res.send('hello'))
const server = app.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`))
process.once('SIGTERM', () => void blocks.close().then(() => process.exit()))
