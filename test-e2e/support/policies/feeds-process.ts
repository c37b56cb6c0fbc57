// A process with some feeds, which policy-fleet.test.ts starts: `feeds-process.ts <kind> <url> <feeds>`. It writes a line of JSON when the last
// of its feeds has a new revision: { revision, at }, with `at` in ms since the epoch.
import { Consumer } from '@platformatic/kafka'
import { etcdSource } from '@sluice/etcd'
import { kafkaSource } from '@sluice/kafka'
import { httpSource, policyFeed, type PolicySource } from '@sluice/policies'
import { redisSource } from '@sluice/redis'
import { Kafka, logLevel } from 'kafkajs'

const [kind = '', url = '', count = '1'] = process.argv.slice(2)
const SOURCES: Readonly<Record<string, () => PolicySource>> = {
  redis: () => redisSource({ url }),
  etcd: () => etcdSource({ endpoints: [url] }),
  http: () => httpSource(url),
  'kafka by kafkajs': () => kafkaSource({ client: kafkajs, topic: 'policies' }),
  'kafka by platformatic': () => kafkaSource({ client: consumer(), topic: 'policies' }),
}
const kafkajs = new Kafka({ clientId: 'feeds', brokers: [url], logLevel: logLevel.NOTHING })
function consumer(): Consumer {
  return new Consumer({ clientId: 'feeds', groupId: 'unused', bootstrapBrokers: [url] })
}
const reached = new Map<number, number>()

function change({ document: { revision } }: { readonly document: { readonly revision: number } }): void {
  const feeds = (reached.get(revision) ?? 0) + 1
  reached.set(revision, feeds)
  if (feeds === Number(count)) console.log(JSON.stringify({ revision, at: performance.timeOrigin + performance.now() }))
}

const feeds = await Promise.all(
  Array.from({ length: Number(count) }, () =>
    policyFeed({
      source: SOURCES[kind]?.() as PolicySource,
      startTimeout: 30_000,
      on: { change, warning: ({ message }) => console.error(message) },
    }),
  ),
)
process.stdin.on('end', () => void Promise.all(feeds.map((feed) => feed.close())).then(() => process.exit()))
process.stdin.resume()
