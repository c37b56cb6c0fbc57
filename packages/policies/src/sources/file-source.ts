import type { FSWatcher } from 'node:fs'
import { type Clock, systemClock } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import { pause, type PolicySource, type Snapshot } from '@sluice/core/store-kit'

/** The options of `fileSource`. */
export interface FileSourceOptions {
  /** How often the file is read even if nothing was noticed: ms, at least 100. Network file systems notice nothing. Default: 5,000. */
  readonly interval?: number | undefined
  /** Where time comes from, for tests. Default: the clock of the system. */
  readonly clock?: Clock | undefined
}

/** How long a file must stay the same before it is used: who writes it may be half-way. */
const SETTLE = 25
const MAX_READS = 40

/**
 * A document in a file. The file may be edited, replaced by another, or be in a ConfigMap of Kubernetes.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { fileSource, policyFeed } from '@sluice/policies'
 *
 * const feed = await policyFeed({ source: fileSource('/etc/sluice/sluice.yaml', { interval: 1_000 }) })
 * ```
 */
export function fileSource(path: string, options: FileSourceOptions = {}): PolicySource {
  if (typeof path !== 'string' || path === '') throw invalid('fileSource', 'the path of a file', path)
  knownOptions('fileSource', options, ['interval', 'clock'])
  const { interval = 5_000, clock = systemClock } = options
  if (!(Number.isFinite(interval) && interval >= 100)) throw invalid('fileSource: interval', 'milliseconds, at least 100', interval)
  let last = ''
  return {
    name: path,
    async load(signal): Promise<Snapshot> {
      const text = await settled(path, clock, signal)
      last = text
      return { documents: [{ key: path, text }] }
    },
    async watch(_, emit, signal): Promise<void> {
      // It may have changed since it was loaded.
      let isChanged = true
      let wake = new AbortController()
      // The directory, since an editor replaces the file: a watch on the file itself hears of that once, and of nothing afterwards. A
      // ConfigMap replaces a link beside it, `..data`.
      const notice = (): void => {
        isChanged = true
        wake.abort()
      }
      const watcher = await watched(path, notice)
      const stop = (): void => wake.abort()
      signal.addEventListener('abort', stop)
      try {
        while (!signal.aborted) {
          if (!isChanged) await pause(interval, clock, wake.signal)
          if (signal.aborted) return
          isChanged = false
          wake = new AbortController()
          const text = await settled(path, clock, signal)
          if (text === last) emit({ type: 'progress' })
          else emit({ type: 'put', key: path, text })
          last = text
        }
      } finally {
        watcher?.close()
        signal.removeEventListener('abort', stop)
      }
    },
  }
}

/** Reads a file until it is the same twice. */
async function settled(path: string, clock: Clock, signal: AbortSignal): Promise<string> {
  // Imported here, so that an edge runtime without files can load this package.
  const { readFile } = await import('node:fs/promises')
  let before = await readFile(path, 'utf8')
  for (let i = 0; i < MAX_READS; i++) {
    await pause(SETTLE, clock, signal)
    const text = await readFile(path, 'utf8')
    if (text === before) return text
    before = text
  }
  throw new Error(`${path} changes all the time`)
}

/** `undefined` where the directory cannot be watched: the file is then read at intervals only. */
async function watched(path: string, notice: () => void): Promise<FSWatcher | undefined> {
  const { watch } = await import('node:fs')
  const names = await import('node:path')
  const file = names.basename(path)
  try {
    const watcher = watch(names.dirname(path), { persistent: false }, (_, name) => {
      if (name === null || name === file || name.startsWith('..')) notice()
    })
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return undefined
  }
}
