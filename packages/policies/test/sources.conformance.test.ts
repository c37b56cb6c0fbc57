// The contract of a policy source, kept by each source of this package.
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { policySourceConformance } from '@sluice/testing'
import { onTestFinished } from 'vitest'
import { fileSource, httpSource } from '../src/index.ts'
import { Control } from './control-service.ts'
import { testServer } from './http-server.ts'

policySourceConformance('a URL', async () => {
  const server = await testServer()
  const url = `${server.url}/sluice.yaml`
  let text: string | undefined
  server.answer = (request, response) => {
    const etag = `"${text}"`
    if (text === undefined) response.writeHead(404).end()
    else if (request.headers['if-none-match'] === etag) response.writeHead(304, { etag }).end()
    else response.writeHead(200, { etag, 'content-length': Buffer.byteLength(text) }).end(text)
  }
  return {
    source: httpSource(url, { interval: 100 }),
    keys: [url],
    put: async (_, written) => void (text = written),
    remove: async () => void (text = undefined),
    cut: () => server.cut(),
    away: (isAway) => (isAway ? server.stop() : server.start()),
  }
})

policySourceConformance('a control service', async () => {
  const server = await testServer()
  const control = new Control(server)
  return {
    source: httpSource(server.url),
    keys: ['shop', 'other'],
    put: async (key, text) => control.put(key, text),
    remove: async (key) => control.put(key, undefined),
    cut: () => server.cut(),
    away: (isAway) => (isAway ? server.stop() : server.start()),
    forget: async () => control.forget(),
  }
})

policySourceConformance(
  'a file',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-source-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const path = join(folder, 'sluice.yaml')
    // It is away until the file is written.
    return {
      source: fileSource(path, { interval: 1_000 }),
      keys: [path],
      put: async (_, text) => {
        await writeFile(`${path}.new`, text)
        await rename(`${path}.new`, path)
      },
    }
  },
  { removes: false, goesAway: false },
)
