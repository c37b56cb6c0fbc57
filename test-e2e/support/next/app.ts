// Applications of Next, built and started by the real package. It is installed beside the tools, once: the workspace does not have it.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runSupervised, type SupervisedProcess, waitUntil } from '@sluice/testing/processes'
import { freePort } from '@sluice/testing/redis'
import { run } from '../tarballs/consumer.ts'
import { ROOT } from '../workspace.ts'

const PROJECT = join(ROOT, '.tools', 'next')
const LISTED = join(ROOT, 'test-e2e', 'next')
const NEXT = join(PROJECT, 'node_modules', 'next', 'dist', 'bin', 'next')
const LOG = 'next.log'
/** ms. A build takes less than a minute on two busy cores. */
const BUILD_TIMEOUT = 240_000
/** What every application needs. The root is the folder that has node_modules: Turbopack reads no file above it. */
const COMMON: Readonly<Record<string, string>> = {
  'package.json': '{ "type": "module" }',
  'next.config.mjs': `import { join } from 'node:path'
    export default { turbopack: { root: join(import.meta.dirname, '..') } }`,
  'app/layout.tsx': `import type { ReactNode } from 'react'
    export default function Layout({ children }: { children: ReactNode }) {
      return <html lang="en"><body>{children}</body></html>
    }`,
  'app/page.tsx': 'export default function Page() { return <p>hello</p> }',
}

export interface NextApp {
  readonly url: string
  /** The text of a file that the build wrote into `.next`. */
  built(file: string): string
  /** Ends the server and removes the application. */
  stop(): Promise<void>
}

/** Installs Next and the packages as a user would. Needs the registry the first time only. */
export function installNext(): void {
  mkdirSync(PROJECT, { recursive: true })
  for (const file of ['package.json', 'pnpm-lock.yaml']) cpSync(join(LISTED, file), join(PROJECT, file))
  const pnpm = join(ROOT, '.tools', 'node_modules', 'pnpm', 'bin', 'pnpm.mjs')
  run(process.execPath, [pnpm, 'install', '--ignore-workspace', '--ignore-scripts', '--frozen-lockfile', '--prefer-offline'], PROJECT)
  run(process.execPath, ['scripts/build.ts', '--into', join(PROJECT, 'node_modules'), 'core', 'fetch'], ROOT)
}

/** Builds an application, and starts it on a free port. */
export async function startNext(name: string, files: Readonly<Record<string, string>>): Promise<NextApp> {
  const folder = join(PROJECT, name)
  rmSync(folder, { recursive: true, force: true })
  for (const [file, text] of Object.entries({ ...COMMON, ...files })) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  const log = () => (existsSync(join(folder, LOG)) ? readFileSync(join(folder, LOG), 'utf8') : '')
  const next = (...args: readonly string[]) => runSupervised(process.execPath, [NEXT, ...args], folder, LOG)
  let current: SupervisedProcess | undefined
  const stop = async () => {
    await current?.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const build = (current = await next('build'))
    await waitUntil('next build to end', () => build.ended() !== undefined, BUILD_TIMEOUT)
    if (build.ended() !== 'code 0') throw new Error(`next build ended (${build.ended()}):\n${log()}`)
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const server = (current = await next('start', '--hostname', '127.0.0.1', '--port', String(port)))
    await waitUntil('next start to listen', () => server.ended() !== undefined || /Ready in/.test(log()))
    if (server.ended() !== undefined) throw new Error(`next start ended (${server.ended()}):\n${log()}`)
    return { url, built: (file) => readFileSync(join(folder, '.next', file), 'utf8'), stop }
  } catch (error) {
    await stop()
    throw error
  }
}
