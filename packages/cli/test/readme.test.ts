// The commands of README.md, run as they stand there.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newFolder, sluiceProcess } from './sluice.ts'

const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
const fences = [...readme.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, language, code]) => ({ language, code: code ?? '' }))
const { path, file } = newFolder()

test('each command of README.md is fine', () => {
  file('sluice.yaml', fences.find(({ language }) => language === 'yaml')?.code ?? '')
  file('access.log', '203.0.113.7 - - [30/Nov/2026:08:00:00 +0000] "POST /login HTTP/1.1" 401 0 "-" "curl/8.5"\n'.repeat(9))
  mkdirSync(join(path, 'live'))
  const lines = fences.filter(({ language }) => language === 'sh').flatMap(({ code }) => code.trim().split('\n'))
  const commands = lines.filter((line) => line.startsWith('npx sluice '))
  expect(commands).toHaveLength(6)
  for (const command of commands) {
    const { status, err } = sluiceProcess(command.slice('npx sluice '.length).split(' '), { cwd: path })
    expect({ command, status, err }).toEqual({ command, status: 0, err: '' })
  }
  writeFileSync(join(path, 'sluice.yaml'), readFileSync(join(path, 'sluice.yaml'), 'utf8').replace('limit: 5', 'limit: 6'))
  expect(sluiceProcess(['policies', 'diff', 'live/sluice.yaml', 'sluice.yaml'], { cwd: path }).out).toContain(
    'login.address was 5 per 15m and is 6 per 15m',
  )
})
