// examples/regions as a person runs it: three regions with two processes each, three clients, ended by Ctrl-C.
import { afterEach, expect, test } from 'vitest'
import { nodeProgram, runProgram, type RunningProgram } from './support/running-program.ts'

let program: RunningProgram | undefined
afterEach(() => program?.stop())

/** The rows of a table: the name, then asked, eu, us, ap, together, above, at most. */
function rowsOf(text = ''): ReadonlyMap<string, readonly number[]> {
  const rows = [...text.matchAll(/^(stays|changes|bursts) .*? {2,}(\d.*)$/gm)]
  return new Map(rows.map(([, name = '', cells = '']) => [name, cells.split(/ {2,}/).map((cell) => Number.parseInt(cell, 10))]))
}

// The broker takes 10 s to start, so the test of each time has none.
const TRANSPORTS = process.env['SLUICE_FAULTS'] === 'full' ? [[], ['--kafka']] : [[]]

test.each(TRANSPORTS.map((args) => [args.join(' '), args] as const))(
  '%s eventual: a client in one region has no error, and none is above its bound; strict: never more than it; local: the limit in each region',
  async (_, args) => {
    program = runProgram([...nodeProgram('examples', 'regions', 'main.ts'), ...args])
    for (const step of [/Six processes start/, /are up/, /has heard/, /── strict/, /── local/, /── What each/, /Ctrl-C ends it\./])
      await program.waitFor(step)
    const [, eventual, strict, local, heard = ''] = program.output().split('── ')

    const first = rowsOf(eventual)
    expect(first.get('stays')).toEqual([150, 100, 0, 0, 100, 0, 0])
    for (const name of ['changes', 'bursts']) {
      const [, eu = 0, us = 0, ap = 0, together = 0, above = 0, most = 0] = first.get(name) ?? []
      expect(eu + us + ap).toBe(together)
      expect(together).toBeGreaterThanOrEqual(100)
      expect(above).toBe(together - 100)
      expect(above).toBeLessThanOrEqual(most)
    }
    expect(eventual).toContain('asks each region again: refused everywhere.')

    for (const name of ['stays', 'changes', 'bursts']) {
      const [, eu = 0, us = 0, ap = 0, together = 0, above, most] = rowsOf(strict).get(name) ?? []
      expect(eu + us + ap).toBe(together)
      // A region begins with a third.
      expect(together).toBeGreaterThanOrEqual(33)
      expect(together).toBeLessThanOrEqual(100)
      expect([above, most]).toEqual([0, 0])
    }

    const second = rowsOf(local)
    expect(second.get('stays')).toEqual([150, 100, 0, 0, 100, 0, 200])
    expect(second.get('changes')).toEqual([150, 50, 50, 50, 150, 50, 200])
    expect(second.get('bursts')).toEqual([300, 100, 100, 100, 300, 200, 200])

    expect(heard.match(/^(?:eu|us|ap) .*$/gm)).toHaveLength(3)
    expect(heard.match(/\d+ ms/g)).toHaveLength(6)
    expect(await program.interrupt()).toEqual([0, null])
    expect(program.output()).not.toMatch(/^\s+at /m)
  },
  150_000,
)
