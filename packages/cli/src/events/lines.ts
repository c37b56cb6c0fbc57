import { createReadStream, type Stats, unwatchFile, watchFile } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { StringDecoder } from 'node:string_decoder'
import { reasonOf } from '../files.ts'
import { failed } from '../terminal/terminal.ts'

/** How a source is read. */
export interface Reading {
  /** From the beginning, and not only what is added. */
  readonly isWhole: boolean
  /** Whether what is added later is waited for. */
  readonly follows: boolean
}

/** ms between two looks at a file. */
const INTERVAL = 200

/** The lines of the standard input, to its end. */
export async function* linesOf(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const { Readable } = await import('node:stream')
  yield* createInterface({ input: Readable.from(input), crlfDelay: Infinity })
}

/** The lines of a file, also after it was renamed and begun anew. @throws ERR_COMMAND_FAILED */
export async function* linesIn(path: string, { isWhole, follows }: Reading): AsyncGenerator<string> {
  const first = await stat(path).catch((error: unknown) => {
    throw failed(`${path} cannot be read: ${reasonOf(error)}`, error)
  })
  let [position, inode] = [isWhole ? 0 : first.size, first.ino]
  let rest = ''
  let decoder = new StringDecoder()
  const changes = follows ? new Changes(path) : undefined
  try {
    let now: Stats | undefined = first
    for (; now !== undefined; now = await changes?.next()) {
      if (now.ino !== 0 && (now.ino !== inode || now.size < position)) {
        ;[position, inode, rest] = [0, now.ino, '']
        decoder = new StringDecoder()
      }
      if (now.size <= position) continue
      for await (const chunk of createReadStream(path, { start: position, end: now.size - 1 })) {
        position += (chunk as Buffer).length
        const lines = (rest + decoder.write(chunk as Buffer)).split('\n')
        // A line that is not whole yet.
        rest = lines.pop() ?? ''
        yield* lines
      }
    }
    if (rest !== '') yield rest
  } finally {
    changes?.end()
  }
}

/** The states of a file, one after another. */
class Changes {
  private readonly path: string
  private latest: Stats | undefined
  private wake: (() => void) | undefined
  private readonly listener = (now: Stats): void => {
    this.latest = now
    this.wake?.()
  }

  constructor(path: string) {
    this.path = path
    watchFile(path, { interval: INTERVAL }, this.listener)
  }

  async next(): Promise<Stats> {
    while (this.latest === undefined) await new Promise<void>((resolve) => (this.wake = resolve))
    const { latest } = this
    this.latest = undefined
    return latest
  }

  end(): void {
    unwatchFile(this.path, this.listener)
  }
}
