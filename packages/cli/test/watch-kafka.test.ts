// It starts a broker of its own: in the slow tier only.
import { createLimiter, fixedWindow } from '@sluice/core'
import { kafkaSink } from '@sluice/kafka'
import { decisionEvents } from '@sluice/telemetry'
import { startKafka } from '@sluice/testing/kafka'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { beforeAll, describe, expect, test } from 'vitest'
import { sluice } from './sluice.ts'

const SECRET = 'a secret of this test'

describe('a topic of Kafka', () => {
  let address = ''
  beforeAll(async () => {
    const server = await startKafka()
    address = server.address
    return () => server.stop()
  }, 90_000)

  test('its events, chosen by verdict and subject', { timeout: 60_000 }, async () => {
    const kafka = new Kafka({ clientId: 'test', brokers: [address], logLevel: logLevel.NOTHING })
    const admin = kafka.admin()
    await admin.connect()
    const topics = ['sluice.decisions.v1', 'sluice.usage.v1'].map((topic) => ({ topic, numPartitions: 2, replicationFactor: 1 }))
    await admin.createTopics({ topics, waitForLeaders: true })
    await admin.disconnect()
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    const events = decisionEvents({ sink: kafkaSink({ producer }), secret: SECRET, sample: 1 })
    const limiter = createLimiter({ name: 'watched-in-kafka', limits: [fixedWindow({ name: 'hour', limit: 3, window: '1h' })] })
    for (let i = 0; i < 5; i++) await limiter.consume('203.0.113.7')
    await events.close()
    await producer.disconnect()
    const args = ['watch', `kafka://${address}`, '--all', '--count', '2', '--verdict', 'refused', '--subject', '203.0.113.7']
    const { status, out, err } = await sluice(args, { env: { SLUICE_SECRET: SECRET } })
    expect({ status, err }).toEqual({ status: 0, err: '' })
    expect(out.trimEnd().split('\n')).toEqual(Array.from({ length: 2 }, () => expect.stringContaining('watched-in-kafka.hour')))
  })

  test('a topic that is not there', async () => {
    const { status, err } = await sluice(['watch', `kafka://${address}/none`])
    expect(status).toBe(2)
    expect(err).toContain(`topic none on ${address} cannot be read: This server does not host this topic-partition`)
  })
})
