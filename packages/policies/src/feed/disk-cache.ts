import type { SourceDocument } from '@sluice/core/store-kit'
import type { Warnings } from './warnings.ts'

const SUFFIX = '.policy.yaml'

/** The file of a namespace: a letter, then letters, digits, dots, `_` and `-`, so it is a name of a file on every system. */
export function fileOf(namespace: string): string {
  return `${namespace}${SUFFIX}`
}

/** Keeps the last good document of each namespace in a folder. */
export class DiskCache {
  private readonly folder: string
  private writing: Promise<void> = Promise.resolve()

  constructor(folder: string) {
    this.folder = folder
  }

  /** All documents that are kept and can be read; none if the folder is not there. */
  async load(): Promise<readonly SourceDocument[]> {
    const { fs, path } = await node()
    const names = await fs.readdir(this.folder).catch(() => [])
    const keys = names.filter((name) => name.endsWith(SUFFIX)).map((name) => path.join(this.folder, name))
    const texts = await Promise.all(keys.map((key) => fs.readFile(key, 'utf8').catch(() => undefined)))
    return keys.flatMap((key, i) => {
      const text = texts[i]
      return text === undefined ? [] : [{ key, text }]
    })
  }

  /** The text of a file; `undefined` if it is not there. */
  async read(file: string): Promise<string | undefined> {
    const { fs, path } = await node()
    return fs.readFile(path.join(this.folder, file), 'utf8').catch(() => undefined)
  }

  /** One after another, and whole: a process that ends meanwhile leaves the old file. A failure is reported. */
  save(file: string, text: string, warnings: Warnings): void {
    this.writing = this.writing
      .then(() => this.write(file, text))
      .catch((error: unknown) => {
        warnings.report('cache', 'WARN_POLICY_SOURCE', `the last document could not be kept in ${this.folder}: ${String(error)}`)
      })
  }

  private async write(file: string, text: string): Promise<void> {
    const { fs, path } = await node()
    const target = path.join(this.folder, file)
    await fs.mkdir(this.folder, { recursive: true })
    // Processes may share the folder.
    const written = `${target}.${process.pid}.new`
    await fs.writeFile(written, text, { mode: 0o600 })
    await fs.rename(written, target)
  }
}

/** Imported when they are used, so that an edge runtime without files can load this package. */
async function node() {
  return { fs: await import('node:fs/promises'), path: await import('node:path') }
}
