import { hashTagOf } from '../client/watch-stream.ts'

/** Which documents are meant: the option that the source and the publisher share. */
export interface PolicyKeyOptions {
  /** Names the keys: 1 to 64 letters, digits, `_`, `.`, `:` or `-`. Documents under another one are apart. Default: `'sluice:policies'`. */
  readonly key?: string | undefined
}

/** The hash of the documents and the stream of their changes. @throws ERR_OPTION_INVALID */
export function policyKeys(where: string, { key = 'sluice:policies' }: PolicyKeyOptions): readonly [documents: string, changes: string] {
  const tag = hashTagOf(where, key)
  return [`${tag}:documents`, `${tag}:changes`]
}
