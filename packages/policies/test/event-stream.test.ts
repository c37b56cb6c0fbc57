import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EventStream, type StreamEvent } from '../src/sources/http/event-stream.ts'

function eventsOf(...chunks: readonly (string | Uint8Array)[]): readonly StreamEvent[] {
  const stream = new EventStream(1_000)
  return chunks.flatMap((chunk) => stream.push(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk))
}

describe('events', () => {
  test.each([
    ['data: a\n\n', [{ type: 'message', data: 'a', id: undefined }]],
    ['event: put\nid: 7\ndata: a\ndata:b\n\n', [{ type: 'put', data: 'a\nb', id: '7' }]],
    ['\uFEFFdata: a\n\n', [{ type: 'message', data: 'a', id: undefined }]],
    [': comment\n\nretry: 1\n\nevent: put\n\n', []],
    ['data: half\n', []],
    ['data: a\n\nevent: put\ndata: half', [{ type: 'message', data: 'a', id: undefined }]],
    ['id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n', ['1', '1', ''].map((id, i) => ({ type: 'message', data: 'abc'[i], id }))],
    ['id: 1\0\ndata: a\n\n', [{ type: 'message', data: 'a', id: undefined }]],
    ['data\n\n', [{ type: 'message', data: '', id: undefined }]],
    ['data:  two spaces\n\n', [{ type: 'message', data: ' two spaces', id: undefined }]],
  ])('%j', (text, events) => {
    expect(eventsOf(text)).toEqual(events)
    expect(eventsOf(text.replaceAll('\n', '\r\n'))).toEqual(events)
    expect(eventsOf(text.replaceAll('\n', '\r'))).toEqual(events)
  })

  test('are the same in whatever chunks they come', () => {
    const text = 'event: put\r\nid: 7\r\ndata: {"text":"ä€😀"}\r\n\r\ndata: b\n\ndata: c\r\rdata: d\r\n\r\n'
    const bytes = new TextEncoder().encode(text)
    const whole = eventsOf(bytes)
    expect(whole).toHaveLength(4)
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 20 })
    fc.assert(
      fc.property(cuts, (at) => {
        const ends = [0, ...at.toSorted((a, b) => a - b), bytes.length]
        expect(eventsOf(...ends.slice(1).map((end, i) => bytes.subarray(ends[i], end)))).toEqual(whole)
      }),
      { numRuns: 500 },
    )
  })
})

test.each([['a'.repeat(2_000)], ['data: a\n'.repeat(2_000)]])('an event that does not end is refused, and fills no memory', (text) => {
  expect(() => eventsOf(text)).toThrow('the stream has an event of more than 1000 characters')
})
