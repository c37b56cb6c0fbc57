import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../src/commands.ts'
import { documentText, newFolder, sluice, sluiceProcess } from './sluice.ts'

const folder = newFolder()

describe('help', () => {
  test('without a command: the list, and status 2', async () => {
    const { status, out } = await sluice([])
    expect(status).toBe(2)
    for (const { name, summary } of COMMANDS) expect(out.replaceAll(/\s+/g, ' ')).toContain(`${name} ${summary}`)
  })

  test.each([['--help'], ['help'], ['policies', '--help'], ['help', 'policies']])('sluice %s %s', async (...args) => {
    expect(await sluice(args.filter((word) => word !== undefined))).toMatchObject({
      status: 0,
      out: expect.stringContaining('policies lint'),
    })
  })

  test.each(COMMANDS.map(({ name }) => name))('sluice %s --help is a page of 80 columns with an example', async (name) => {
    const { status, out } = await sluice([...name.split(' '), '--help'])
    expect(status).toBe(0)
    for (const title of ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'OPTIONS', 'EXIT STATUS', 'EXAMPLES']) expect(out).toContain(`${title}\n`)
    const text = out.slice(0, out.indexOf('EXAMPLES'))
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([])
    expect((await sluice(['help', ...name.split(' ')])).out).toBe(out)
  })

  test('a short name has the page of its command', async () => {
    const { status, out } = await sluice(['replay', '--help'])
    expect(status).toBe(0)
    expect(out).toContain('sluice policies replay, sluice replay - decide')
    expect((await sluice(['help', 'policies', 'replay'])).out).toBe(out)
  })

  test('--version', async () => {
    expect(await sluice(['--version'])).toMatchObject({ status: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  })
})

test('as a process: the status, and both streams', () => {
  const cwd = folder.path
  folder.file('one.yaml', documentText(1))
  expect(sluiceProcess(['policies', 'test', 'one.yaml'], { cwd, env: { FORCE_COLOR: '1' } })).toEqual({
    status: 0,
    out: expect.stringContaining('\u001B['),
    err: '',
  })
  expect(sluiceProcess(['policies', 'lint', 'none.yaml'], { cwd })).toMatchObject({
    status: 2,
    out: '',
    err: expect.stringContaining('none.yaml cannot be read: there is no such file'),
  })
})

describe('a wrong command line has status 2, and says what to do', () => {
  test.each([
    [['polices', 'lint'], 'there is no command "polices"; did you mean sluice policies?'],
    [['policies', 'lnit'], 'there is no command "policies lnit"; did you mean sluice policies lint?'],
    [['reply'], 'there is no command "reply"; did you mean sluice replay?'],
    [
      ['policies', 'lint'],
      'sluice policies lint: expected FILE [--previous FILE] [--ceilings FILE] [--rls]; see  sluice policies lint --help',
    ],
    [['policies', 'lint', 'a', 'b'], 'one argument too many: b'],
    [['policies', 'lint', 'a', '--prevous', 'b'], 'unknown option --prevous; did you mean --previous?'],
    [['policies', 'lint', 'a', '--previous'], '--previous needs a value: FILE'],
    [['policies', 'lint', 'a', '--previous', '--json'], '--previous needs a value: FILE'],
    [['policies', 'lint', 'a', '--json=yes'], '--json takes no value'],
    [['policies', 'lint', 'a', '--previous', 'b', '--previous', 'c'], '--previous is given twice'],
    [['policies', 'lint', 'no-such-file.yaml'], 'no-such-file.yaml cannot be read: there is no such file'],
  ])('sluice %j', async (args, message) => {
    const { status, err, out } = await sluice(args)
    expect({ status, out: args.includes('--json') ? '' : out }).toEqual({ status: 2, out: '' })
    expect(err).toMatch(/^sluice: /)
    expect(err).toContain(message)
  })

  test('with --json, the error is JSON as well', async () => {
    const { status, out } = await sluice(['policies', 'lint', 'no-such-file.yaml', '--json'])
    expect(status).toBe(2)
    expect(JSON.parse(out)).toEqual({ error: { code: 'ERR_COMMAND_FAILED', message: expect.stringContaining('there is no such file') } })
  })
})

describe('colour', () => {
  const file = folder.file('sluice.yaml', documentText(1))
  const ESCAPE = '\u001B['
  test.each([
    ['a pipe has none', {}, [], false],
    ['FORCE_COLOR gives it', { FORCE_COLOR: '1' }, [], true],
    ['NO_COLOR takes it away', { FORCE_COLOR: '1', NO_COLOR: '1' }, [], false],
    ['an empty NO_COLOR does not', { FORCE_COLOR: '1', NO_COLOR: '' }, [], true],
    ['--no-color takes it away', { FORCE_COLOR: '1' }, ['--no-color'], false],
  ])('%s', async (_, env, args, isColoured) => {
    expect((await sluice(['policies', 'test', file, ...args], { env })).out.includes(ESCAPE)).toBe(isColoured)
  })

  test('JSON never has any', async () => {
    const { out } = await sluice(['policies', 'test', file, '--json'], { env: { FORCE_COLOR: '1' } })
    expect(JSON.parse(out)).toEqual({ files: [{ file, tests: [{ name: 'two', failures: [] }] }] })
  })
})

test('a text of a document cannot control the terminal', async () => {
  const file = folder.file('control.yaml', documentText(1).replace('name: two', String.raw`name: "a\e[31mb"`))
  const { out } = await sluice(['policies', 'test', file])
  expect(out).toContain(String.raw`a\u001b[31mb`)
  expect(out).not.toContain('\u001B')
})
