import { SluiceError } from '@sluice/core'
import { type DecisionEventsOptions, httpSink, jsonLines } from '@sluice/telemetry'
import { kafkaOf, kafkaPlace } from './kafka.ts'

type Sink = DecisionEventsOptions['sink']

/** Where events go: `https://…`, `kafka://host:9092`, `file:PATH` or `stdout`. @returns the sink, and what ends its connection */
export async function sinkAt(place: string): Promise<{ readonly sink: Sink; close(): Promise<void> }> {
  const open = (sink: Sink, close: () => Promise<void> = () => Promise.resolve()) => ({ sink, close })
  if (place === 'stdout') return open(jsonLines(process.stdout))
  if (place.startsWith('file:')) return open(jsonLines(place.replace(/^file:(?:\/\/(?=\/))?/, '')))
  if (/^https?:\/\//.test(place) && URL.canParse(place)) {
    const { username, password } = new URL(place)
    const basic = Buffer.from([username, password].map(decodeURIComponent).join(':')).toString('base64')
    return open(httpSink({ url: place, ...(username !== '' && { headers: { authorization: `Basic ${basic}` } }) }))
  }
  const kafka = kafkaPlace(place)
  if (kafka === undefined)
    // Not the text itself, since it may have a password.
    throw new SluiceError('ERR_CONFIG_INVALID', 'events.sink: expected https://…, kafka://host:9092, file:PATH or stdout, got another text')
  const { kafkaSink } = await import('@sluice/kafka')
  const producer = (await kafkaOf(kafka, 'events.sink')).producer({ allowAutoTopicCreation: false })
  await producer.connect()
  return open(kafkaSink({ producer }), () => producer.disconnect())
}
