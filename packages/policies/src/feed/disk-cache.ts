import type { SourceDocument } from '@sluice/core/store-kit'

const SUFFIX = '.policy.yaml'

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

  /** One after another, and whole: a process that ends meanwhile leaves the old file. */
  save(namespace: string, text: string): Promise<void> {
    // A namespace is a letter and then letters, digits, dots, `_` and `-`: a name of a file on every system.
    const next = this.writing.then(async () => {
      const { fs, path } = await node()
      const file = path.join(this.folder, `${namespace}${SUFFIX}`)
      await fs.mkdir(this.folder, { recursive: true })
      // Processes may share the folder.
      const written = `${file}.${process.pid}.new`
      await fs.writeFile(written, text, { mode: 0o600 })
      await fs.rename(written, file)
    })
    this.writing = next.catch(() => undefined)
    return next
  }
}

/** Imported when they are used, so that an edge runtime without files can load this package. */
async function node() {
  return { fs: await import('node:fs/promises'), path: await import('node:path') }
}
