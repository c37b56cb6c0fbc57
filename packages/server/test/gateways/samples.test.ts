import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const kong = (path: string): string => readFileSync(fileURLToPath(new URL(`../../../../deploy/kong/${path}`, import.meta.url)), 'utf8')

// No test can load kong.yml into Kong.
test('kong.yml sets what the schema of the plugin has', () => {
  const [, config = ''] = /^ +config:\n(.*)/ms.exec(kong('kong.yml')) ?? []
  const set = [...config.matchAll(/^ +(\w+): /gm)].map(([, name]) => name)
  const fields = [...kong('kong/plugins/sluice/schema.lua').matchAll(/^ +\{ (\w+) = (?:typedefs\.url\(|\{ type)/gm)].map(([, name]) => name)
  expect(set).toEqual(fields)
  expect(fields).toEqual(['url', 'timeout', 'request_headers', 'fail_open'])
})
