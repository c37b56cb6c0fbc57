import { script, type Script } from '../scripts/script.ts'
import { COUNT_USAGE, COUNT_VIOLATIONS } from '../scripts/scripts.gen.ts'

export const COUNT_VIOLATIONS_SCRIPT: Script = script('', COUNT_VIOLATIONS)
export const COUNT_USAGE_SCRIPT: Script = script('', COUNT_USAGE)

/** Subjects or rows of one message, which take Redis about 0.5 ms: more would hold up its other clients. */
const PER_MESSAGE = 100

/** One call of a script, for one namespace. */
export interface CountMessage {
  readonly namespace: string
  readonly script: Script
  /** After the mark of the sender. */
  readonly keys: readonly string[]
  /** After the number of the message and the life of the mark. Made when it is sent, since hashing subjects takes time. */
  readonly args: () => readonly string[]
  /** How many requests, or refusals, it counts. */
  readonly counts: number
}

export function chunksOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / PER_MESSAGE) }, (_, i) => items.slice(i * PER_MESSAGE, (i + 1) * PER_MESSAGE))
}

/** A text that a client, or the data of an application, may choose: one line, of bounded length. */
export function boundedText(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.slice(0, MAX_TEXT).replaceAll(/[\u0000-\u001F\u007F]/g, ' ')
}

const MAX_TEXT = 128
