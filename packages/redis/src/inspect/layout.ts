import { SluiceError } from '@sluice/core'
import { Keys } from '../keys.ts'
import { parseLayout } from '../layout.ts'
import { settingsOf } from '../options.ts'
import { Packing } from '../state/packed.ts'
import type { Reader } from './reader.ts'

/**
 * Where data is, and what is needed to find packed subjects in it.
 * @example
 * ```ts
 * import type { LayoutOptions } from '@sluice/redis'
 *
 * const layout: LayoutOptions = { prefix: 'shop' }
 * ```
 */
export interface LayoutOptions {
  /** The `prefix` of the store. Default `sluice`. */
  readonly prefix?: string | undefined
  /** The `packed.secret` of the store, if it has one. Default: the `prefix`. */
  readonly secret?: string | undefined
}

/**
 * The keys of the data under a prefix. The data itself says how many partitions it has, and whether it is packed.
 * @throws ERR_OPTION_INVALID without data under the prefix, and for a secret that is not that of the data
 */
export async function layoutIn(reader: Reader, where: string, { prefix, secret }: LayoutOptions): Promise<Keys> {
  const settings = settingsOf({ prefix })
  const { meta } = new Keys(settings.prefix, 1)
  const text = String((await reader.value(meta)) ?? '')
  const layout = parseLayout(text)
  if (layout === undefined)
    throw new SluiceError(
      'ERR_OPTION_INVALID',
      `${where}: prefix: expected the prefix of a store that has decided on this Redis, got "${settings.prefix}", and ${meta} ${text === '' ? 'does not exist' : 'is not that of a store'}; give the prefix of the store`,
    )
  const { partitions, subjects, fingerprint } = layout
  if (subjects === undefined) return new Keys(settings.prefix, partitions)
  const packing = new Packing({ subjects, secret: secret ?? settings.prefix }, partitions)
  if (packing.fingerprint !== fingerprint)
    throw new SluiceError(
      'ERR_OPTION_INVALID',
      `${where}: secret: expected the packed.secret with which the data under "${settings.prefix}" was written, got ${secret === undefined ? 'none' : 'another one'}; give that of the store`,
    )
  return new Keys(settings.prefix, partitions, packing)
}
