/// <reference types="node" />
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'

const INSTRUCTIONS = [
  'here: pnpm install, without --no-optional; the binary is an optional dependency, one for each platform',
  'on a Linux without glibc 2.35, such as Alpine: SLUICE_WORKERD=/path/to/workerd, a build of your own',
]

const require = createRequire(import.meta.url)
let found: Promise<string> | undefined

/** The path of workerd: SLUICE_WORKERD, else that of the npm package. Rejects with how to get it; no test is skipped. */
export function workerdBinary(): Promise<string> {
  found ??= find()
  return found
}

async function find(): Promise<string> {
  const named = process.env['SLUICE_WORKERD']
  try {
    const binary = named || (require('workerd') as { readonly default: string }).default
    await runs(binary)
    return binary
  } catch (error) {
    const where = named ? `SLUICE_WORKERD (${named})` : "npm's workerd"
    throw new Error([`The tests need workerd, and ${where} does not run: ${(error as Error).message}`, ...INSTRUCTIONS].join('\n  '), {
      cause: error,
    })
  }
}

function runs(binary: string): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(binary, ['--version'], { timeout: 10_000 }, (error) => (error === null ? resolve() : reject(error)))
  })
}
