import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = (path: string): string => fileURLToPath(new URL(`../../../../${path}`, import.meta.url))
const page = readFileSync(root('docs/gateways.md'), 'utf8')
const GATEWAYS = ['envoy', 'nginx', 'haproxy', 'caddy', 'traefik', 'kong', 'apisix']
const samples = GATEWAYS.flatMap((name) => {
  const files = readdirSync(root(`deploy/${name}`), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.map((entry) => readFileSync(`${entry.parentPath}/${entry.name}`, 'utf8'))
})

test('each line of configuration on the page is in a sample', () => {
  const lines = [...page.matchAll(/^```text\n(?!\$)(.*?)^```$/gms)].flatMap(([, text = '']) => text.trim().split('\n'))
  expect(lines.length).toBeGreaterThan(10)
  const known = new Set(samples.flatMap((text) => text.split('\n').map((line) => line.trim())))
  expect(lines.filter((line) => !known.has(line.trim()))).toEqual([])
})

test('the table has a row with a sample for each folder', () => {
  for (const name of GATEWAYS) expect(page).toMatch(new RegExp(`^\\|.*\\(\\.\\./deploy/${name}/`, 'm'))
})
