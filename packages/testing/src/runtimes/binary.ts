/// <reference types="node" />
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export type RuntimeName = 'bun' | 'deno'

/** Path of the binary in the package of a platform. */
const BINARY_PATH: Readonly<Record<RuntimeName, string>> = { bun: 'bin/bun', deno: 'deno' }
const found = new Map<RuntimeName, Promise<string>>()

/** The path of the binary: SLUICE_BUN or SLUICE_DENO, else that of the npm package. Rejects with how to get it; no test is skipped. */
export function runtimeBinary(name: RuntimeName): Promise<string> {
  const known = found.get(name) ?? find(name)
  found.set(name, known)
  return known
}

async function find(name: RuntimeName): Promise<string> {
  const variable = `SLUICE_${name.toUpperCase()}`
  const named = process.env[variable]
  const tried: string[] = []
  for (const binary of named ? [named] : candidates(name)) {
    const error = await run(binary)
    if (error === null) return binary
    tried.push(error.message)
  }
  throw new Error(
    [
      `The tests need ${name}, and ${named ? `${variable} (${named})` : `npm's ${name}`} does not run: ${tried.join('; ') || 'there is none for this platform'}`,
      'here: pnpm install, without --no-optional; the binary is an optional dependency, one for each platform',
      `anywhere: ${variable}=/path/to/${name}`,
    ].join('\n  '),
  )
}

/** The npm package has one optional dependency for each platform. Only that of this platform is installed. */
function candidates(name: RuntimeName): readonly string[] {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
  const require = createRequire(manifest)
  const { optionalDependencies = {} } = require(manifest) as { readonly optionalDependencies?: Readonly<Record<string, string>> }
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return Object.keys(optionalDependencies).flatMap((platform) => {
    try {
      return [join(dirname(require.resolve(`${platform}/package.json`)), BINARY_PATH[name] + suffix)]
    } catch {
      return []
    }
  })
}

function run(binary: string): Promise<Error | null> {
  return new Promise((resolve) => execFile(binary, ['--version'], { timeout: 20_000 }, resolve))
}
