import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { parseDocument } from '@sluice/policies'
import { failed, reasonOf } from './failed.ts'
import type { PolicyWriter, PublishedRevision, StoredDocument, WriteAnswer } from './writer.ts'

/**
 * A file that `fileSource` follows. Its revisions are kept in a folder beside it: `sluice.yaml.history/shop/42.yaml`.
 * @param path of the file; it need not be there yet
 */
export function fileWriter(path: string): PolicyWriter {
  const file = resolve(path)
  const folder = (namespace: string): string => join(`${file}.history`, namespace)
  return {
    name: file,
    async read(namespace): Promise<StoredDocument | undefined> {
      return checked(storedIn(file), namespace, file)
    },
    async write(document, previous): Promise<WriteAnswer> {
      return locked(file, () => {
        const stored = checked(storedIn(file), document.namespace, file)
        if (stored?.text === document.text) return { isPublished: true, current: stored.revision }
        if ((stored?.revision ?? 0) !== previous || previous >= document.revision) return { isPublished: false, current: stored?.revision }
        // One that was there before the first publication must be in the history, or nothing could go back to it.
        if (stored !== undefined) keep(folder(stored.namespace), stored)
        keep(folder(document.namespace), document)
        replace(file, document.text)
        return { isPublished: true, current: document.revision }
      })
    },
    async history(namespace): Promise<readonly PublishedRevision[]> {
      const kept = keptIn(folder(namespace), namespace)
      const stored = checked(storedIn(file), namespace, file)
      // A file that was edited by hand since.
      const all =
        stored === undefined || kept.some(({ revision }) => revision === stored.revision)
          ? kept
          : [...kept, { ...stored, at: timeOf(file) }]
      return all.toSorted((a, b) => b.revision - a.revision)
    },
    close() {},
  }
}

function storedIn(file: string): StoredDocument | undefined {
  if (!existsSync(file)) return undefined
  const text = read(file)
  const { namespace, revision } = parseDocument(text, { source: file })
  return { namespace, revision, text }
}

/** A file has one namespace. Another one in its place would leave the first without a source. */
function checked(stored: StoredDocument | undefined, namespace: string | undefined, file: string): StoredDocument | undefined {
  if (stored !== undefined && namespace !== undefined && stored.namespace !== namespace)
    throw failed(`${file} has the namespace "${stored.namespace}", not "${namespace}"; publish to another file`)
  return stored
}

/** A process that reads the file sees the old text or the new one, never a part. */
function replace(file: string, text: string): void {
  const part = join(dirname(file), `.${basename(file)}.${process.pid}.part`)
  try {
    writeFileSync(part, text, { mode: existsSync(file) ? statSync(file).mode : 0o644, flush: true })
    renameSync(part, file)
  } catch (error) {
    rmSync(part, { force: true })
    throw failed(`${file} cannot be written: ${reasonOf(error)}`, error)
  }
}

function keep(folder: string, { revision, text }: StoredDocument): void {
  const file = join(folder, `${revision}.yaml`)
  if (existsSync(file) && read(file) === text) return
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw failed(`${folder} cannot be made: ${reasonOf(error)}`, error)
  }
  replace(file, text)
}

function keptIn(folder: string, namespace: string): readonly PublishedRevision[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => {
    const revision = Number(/^(\d+)\.yaml$/.exec(name)?.[1])
    const file = join(folder, name)
    return Number.isSafeInteger(revision) ? [{ namespace, revision, text: read(file), at: timeOf(file) }] : []
  })
}

/** Two publishers at once must not both find the revision that they expect. */
function locked<T>(file: string, run: () => T): T {
  const lock = `${file}.lock`
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
  } catch (error) {
    if ((error as { readonly code?: string }).code !== 'EEXIST') throw failed(`${lock} cannot be written: ${reasonOf(error)}`, error)
    throw failed(`${file} is being published by another process, whose id is in ${lock}; remove that file if there is no such process`)
  }
  try {
    return run()
  } finally {
    rmSync(lock, { force: true })
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw failed(`${file} cannot be read: ${reasonOf(error)}`, error)
  }
}

function timeOf(file: string): number {
  return Math.round(statSync(file).mtimeMs)
}
