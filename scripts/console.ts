// Builds the console of the check service: `node scripts/console.ts` writes packages/server/assets/console from packages/server/console. Each
// file is there three times: as it is, and compressed by Brotli and by gzip, so that the service compresses nothing.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { ROOT } from './steps.ts'

const SERVER = join(ROOT, 'packages', 'server')
const SOURCE = join(SERVER, 'console')
const TARGET = join(SERVER, 'assets', 'console')
/** The licences of what the bundle has inside go with it. */
const BUNDLED = ['preact', 'uplot']

/** Writes only what is not there yet, each file at once, so that a service that runs never reads half a file. */
export async function buildConsole(): Promise<void> {
  const files = new Map<string, Uint8Array | string>()
  const { outputFiles } = await build({
    entryPoints: { main: join(SOURCE, 'main.tsx'), style: join(SOURCE, 'style', 'index.css') },
    bundle: true,
    format: 'esm',
    target: 'es2023',
    minify: true,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    outdir: TARGET,
    entryNames: '[name]-[hash]',
    write: false,
    logLevel: 'error',
  })
  for (const { path, contents } of outputFiles) files.set(basename(path), contents)
  const icon = readFileSync(join(SOURCE, 'icon.svg'))
  files.set(`icon-${createHash('sha256').update(icon).digest('hex').slice(0, 8)}.svg`, icon)
  files.set('index.html', pageOf([...files.keys()]))
  files.set('licenses.txt', licenses())
  write(files)
}

/** The page with the names of the files: `{{main.js}}` becomes `console/main-<hash>.js`. */
function pageOf(names: readonly string[]): string {
  return readFileSync(join(SOURCE, 'index.html'), 'utf8').replaceAll(/\{\{(\w+)(\.\w+)\}\}/g, (_all, name: string, extension: string) => {
    const file = names.find((each) => each.startsWith(`${name}-`) && extname(each) === extension)
    if (file === undefined) throw new Error(`console/index.html names ${name}${extension}, which the build did not make.`)
    return `console/${file}`
  })
}

function licenses(): string {
  const texts = BUNDLED.map((name) => `${name}\n\n${readFileSync(join(SERVER, 'node_modules', name, 'LICENSE'), 'utf8')}`)
  return texts.join('\n\n')
}

function write(files: ReadonlyMap<string, Uint8Array | string>): void {
  mkdirSync(TARGET, { recursive: true })
  const kept = new Set<string>()
  for (const [name, content] of files) {
    const forms = name === 'licenses.txt' ? [name] : [`${name}.br`, `${name}.gz`, name]
    for (const each of forms) kept.add(each)
    const bytes = Buffer.from(content)
    if (forms.every((each) => existsSync(join(TARGET, each))) && readFileSync(join(TARGET, name)).equals(bytes)) continue
    for (const each of forms) put(each, compressed(each, bytes))
  }
  for (const name of readdirSync(TARGET)) if (!kept.has(name) && !name.endsWith('.partial')) rmSync(join(TARGET, name), { force: true })
}

function compressed(name: string, bytes: Buffer): Uint8Array {
  if (name.endsWith('.br')) return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } })
  return name.endsWith('.gz') ? gzipSync(bytes, { level: 9 }) : bytes
}

function put(name: string, bytes: Uint8Array): void {
  const partial = join(TARGET, `${name}.${process.pid}.partial`)
  writeFileSync(partial, bytes)
  renameSync(partial, join(TARGET, name))
}

if (import.meta.main) await buildConsole()
