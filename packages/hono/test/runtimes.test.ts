import { request } from 'node:http'
import { upgradeWebSocket } from '@hono/node-server'
import { waitUntil } from '@sluice/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { startServed, startServedOnWorkerd } from './start-runtimes.ts'
import { serveOnNode } from './on-node.ts'
import { runtimeApp } from './runtime-app.ts'
import { connect } from './socket-client.ts'

const node = await serveOnNode(runtimeApp(upgradeWebSocket))
const bun = await startServed('bun')
const deno = await startServed('deno')
const workerd = await startServedOnWorkerd()
afterAll(async () => {
  for (const each of [bun, deno, workerd]) await each.stop()
  await node.close()
})

describe.each([
  ['Node', node],
  ['Bun', bun],
  ['Deno', deno],
  ['workerd', workerd],
])('on %s', (_, { url }) => {
  test('the client is the address of the connection, and no header can change that', async () => {
    const forged = ['CF-Connecting-IP', 'True-Client-IP', 'X-Real-IP', 'X-Forwarded-For', 'Forwarded', 'Fly-Client-IP']
    const headers = Object.fromEntries(forged.map((name) => [name, name === 'Forwarded' ? 'for=6.6.6.6' : '6.6.6.6']))
    expect(await (await fetch(`${url}/own/subject`)).json()).toBe('127.0.0.1')
    expect(await (await fetch(`${url}/own/subject`, { headers })).json()).toBe('127.0.0.1')
  })

  test('a response with immutable headers gets the headers of the limiter', async () => {
    const response = await fetch(`${url}/own/redirect`, { redirect: 'manual' })
    expect([response.status, response.headers.get('location'), response.headers.get('x-ratelimit-remaining')]).toEqual([
      302,
      'https://sluice.test/',
      '99',
    ])
  })

  test('`settle` runs after the response', async () => {
    expect(await (await fetch(`${url}/own/late`)).text()).toBe('late')
    await waitUntil('`settle` to run', async () => ((await (await fetch(`${url}/own/settled`)).json()) as string[]).length === 1)
  })

  test('F13: a handler that ends after its timeout holds nothing any longer', async () => {
    for (const _ of [1, 2]) {
      expect((await fetch(`${url}/own/slow`)).status).toBe(504)
      await waitUntil('the holder to be released', async () => (await fetch(`${url}/own/fast`)).status === 200)
    }
  })

  test('a WebSocket: two messages pass, the third is answered with the wait, the fourth closes it; handshakes are limited too', async () => {
    const client = await connect(`${url}/own/socket`)
    for (const text of ['one', 'two', 'three', 'four']) client.send(text)
    const [code, reason] = await client.closed
    expect(client.got.slice(0, 2)).toEqual(['heard one', 'heard two'])
    expect(client.got).toHaveLength(3)
    expect(JSON.parse(client.got[2] ?? '')).toMatchObject({ title: 'Quota Exceeded', status: 429, 'violated-policies': ['messages'] })
    expect([code, reason]).toEqual([1008, expect.stringMatching(/^Too many messages; retry in \d+ s$/)])

    const second = await connect(`${url}/own/socket`)
    second.leave()
    expect(await statusOfHandshake(`${url}/own/socket`)).toBe(429)
  })
})

function statusOfHandshake(url: string): Promise<number | undefined> {
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, agent: false })
    asked.on('response', (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    asked.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve(response.statusCode)
    })
    asked.on('error', reject)
    asked.end()
  })
}
