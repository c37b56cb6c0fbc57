// M3: the types of each library's clients fit, without a cast. Compiled, never run.
import { redisStore } from '@sluice/redis'
import { GlideClient, GlideClusterClient } from '@valkey/valkey-glide'
import { Cluster as IovalkeyCluster, Redis as Iovalkey } from 'iovalkey'
import * as nodeRedis5 from 'node-redis-5'
import { createClient, createClientPool, createCluster, createSentinel } from 'redis'

const rootNodes = [{ url: 'redis://localhost:7000' }]
const sentinelRootNodes = [{ host: 'localhost', port: 26379 }]

redisStore(createClient())
redisStore(createClient({ RESP: 3, url: 'rediss://localhost' }).on('error', console.error))
redisStore(await createClient().connect())
redisStore(createClientPool())
redisStore(createCluster({ rootNodes }))
redisStore(createSentinel({ name: 'mymaster', sentinelRootNodes }))
redisStore({ url: 'redis://localhost' }, { replica: createClient() })

redisStore(nodeRedis5.createClient())
redisStore(nodeRedis5.createClientPool())
redisStore(nodeRedis5.createCluster({ rootNodes }))
redisStore(nodeRedis5.createSentinel({ name: 'mymaster', sentinelRootNodes }))

redisStore(new Iovalkey())
redisStore(new IovalkeyCluster([{ host: 'localhost', port: 7000 }]))

redisStore(await GlideClient.createClient({ addresses: [{ host: 'localhost' }] }))
redisStore(await GlideClusterClient.createClient({ addresses: [{ host: 'localhost' }] }))

// @ts-expect-error A client of node-redis without its methods.
redisStore({ isOpen: true })
