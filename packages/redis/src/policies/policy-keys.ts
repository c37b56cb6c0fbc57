import { invalid } from '@sluice/core/store-kit'

/** Which documents are meant: the option that the source and the publisher share. */
export interface PolicyKeyOptions {
  /** Names the keys: 1 to 64 letters, digits, `_`, `.`, `:` or `-`. Documents under another one are apart. Default: `'sluice:policies'`. */
  readonly key?: string | undefined
}

const KEY = /^[\w.:-]{1,64}$/

/** The hash of the documents and the stream of their changes. The hash tag lets one script write both on a Cluster. @throws ERR_OPTION_INVALID */
export function policyKeys(where: string, { key = 'sluice:policies' }: PolicyKeyOptions): readonly [documents: string, changes: string] {
  if (typeof key !== 'string' || !KEY.test(key)) throw invalid(`${where}: key`, '1 to 64 letters, digits, _ . : or -', key)
  return [`{${key}}:documents`, `{${key}}:changes`]
}
