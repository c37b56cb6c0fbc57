// The bytes that real clients sent, recorded by recorded/record.ts: the codec reads them, and the service answers them, in the pieces in which they came, in
// one piece and byte by byte.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { waitUntil } from '@sluice/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { readRequest } from '../../src/grpc/ratelimit/request.ts'
import { serve } from '../../src/index.ts'
import { dataOf, framesOf } from './frames.ts'
import { RECORDED_DOCUMENT, type Recording } from './recorded/recording.ts'
import { sourceOf } from './sources.ts'

const RECORDINGS = JSON.parse(readFileSync(join(import.meta.dirname, 'recorded/recorded.json'), 'utf8')) as readonly Recording[]
/** The prefix of a message: whether it is compressed, and its length. */
const PREFIX = 5

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

test('there is a recording of each client', () => {
  expect(RECORDINGS.map(({ client }) => client.replace(/ v?\d.*$/, ''))).toEqual(['@grpc/grpc-js', 'grpc-go', 'Envoy'])
})

describe.each(RECORDINGS.map((recording) => [recording.client, recording] as const))('%s', (_client, { sent, requests, codes }) => {
  const chunks = sent.map((text) => Buffer.from(text, 'base64'))
  const whole = Buffer.concat(chunks)

  test('the codec reads its messages', () => {
    const messages = dataOf(framesOf(whole)).filter((data) => data.length > 0)
    expect(messages.map((message) => message.readUInt32BE(1))).toEqual(messages.map((message) => message.length - PREFIX))
    expect(messages.map((message) => readRequest(message.subarray(PREFIX)))).toEqual(
      requests.map(({ domain, descriptors, hits_addend: hits }) => ({
        domain,
        descriptors: descriptors.map(({ entries }) => ({
          context: {
            attributes: Object.fromEntries(entries.map(({ key, value }) => [key, value])),
            keys: entries.map(({ key }) => key).join(','),
          },
          units: hits || 1,
          how: 'charge',
          own: undefined,
        })),
      })),
    )
  })

  test('it asked, and was refused at least once', () => {
    expect(codes).toHaveLength(requests.length)
    expect(new Set(codes)).toEqual(new Set([1, 2]))
  })

  test.each([
    ['in the pieces in which they came', chunks],
    ['in one piece', [whole]],
    ['byte by byte', Array.from(whole, (byte) => Buffer.from([byte]))],
  ])('the service answers its bytes: %s', async (_how, pieces) => {
    const service = await serve({ http: false, grpc: { port: 0 }, drain: { delay: 0 }, policies: sourceOf(RECORDED_DOCUMENT) })
    ends.push(() => service.close())
    const { hostname, port } = new URL(service.grpc?.url ?? '')
    const socket = connect({ port: Number(port), host: hostname, noDelay: true })
    ends.push(() => socket.destroy())
    let answered = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => (answered = Buffer.concat([answered, chunk])))
    await once(socket, 'connect')
    for (const piece of pieces) {
      socket.write(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const ended = () => framesOf(answered).filter(({ isEnd }) => isEnd)
    await waitUntil('all answers', () => ended().length >= codes.length)
    const frames = framesOf(answered)
    expect(frames.filter(({ type }) => type === 'RST_STREAM' || type === 'GOAWAY')).toEqual([])
    // Each call ends with its trailers.
    expect(ended().map(({ type }) => type)).toEqual(codes.map(() => 'HEADERS'))
    // The first field of an answer is the overall code.
    expect(dataOf(frames).map((data) => [data[PREFIX], data[PREFIX + 1]])).toEqual(codes.map((code) => [0x08, code]))
  })
})
