import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'

/** A built file in its forms. */
export interface ConsoleFile {
  readonly name: string
  readonly type: string
  /** By content coding: `identity`, `br`, `gzip`. */
  readonly forms: Readonly<Record<'identity' | 'br' | 'gzip', Uint8Array>>
  readonly tag: string
}

const TYPES: Readonly<Partial<Record<string, string>>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Where the package may have them: the sources and the two builds lie at different depths. */
const FOLDERS = ['../../assets/console', '../../../assets/console'].map((path) => join(import.meta.dirname, path))

/** The files of the console; empty where it was not built. */
export function consoleFiles(): readonly ConsoleFile[] {
  const folder = FOLDERS.find((each) => existsSync(each))
  if (folder === undefined) return []
  return readdirSync(folder).flatMap((name) => {
    const type = TYPES[extname(name)]
    return type === undefined ? [] : [fileOf(folder, name, type)]
  })
}

function fileOf(folder: string, name: string, type: string): ConsoleFile {
  const read = (ending: string): Uint8Array => readFileSync(join(folder, name + ending))
  const identity = read('')
  const tag = `"${createHash('sha256').update(identity).digest('base64url').slice(0, 16)}"`
  return { name, type, forms: { identity, br: read('.br'), gzip: read('.gz') }, tag }
}
