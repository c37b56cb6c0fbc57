// What the configuration gives to the admin API.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { serve } from '../../src/index.ts'
import { partsOf } from '../../src/config/parts.ts'
import { asking, tokenOf } from './admin-client.ts'
import { newFolder } from './new-folder.ts'

const document = (revision: number): string => `apiVersion: sluice/v1
namespace: shop
revision: ${revision}
subjects: { client: { parts: [{ attribute: client }] } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: 5, window: 1m, subject: client }] }]
`

test('documents of a file are published to the file that is followed', async () => {
  const file = join(newFolder(), 'sluice.yaml')
  writeFileSync(file, document(1))
  const { token, entry } = tokenOf('ada', ['admin:*'])
  const parts = await partsOf({ http: { listen: '127.0.0.1:0' }, policies: { from: file }, admin: { tokens: [entry] } })
  onTestFinished(() => parts.close())
  const service = await serve({ ...parts.options, grpc: false, drain: { delay: 0 } })
  // The last one is called first.
  onTestFinished(() => service.close())
  const ask = asking(service.http?.url ?? '', token)
  expect((await ask('PUT', 'policies/shop', { text: document(2), expected: 1 })).body).toMatchObject({ revision: 2, inForce: true })
})
