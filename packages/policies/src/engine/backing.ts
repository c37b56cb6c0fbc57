import { memoryStore, type Store } from '@sluice/core'
import { canonicalizer, invalid } from '@sluice/core/adapter-kit'
import { ClientDirectory } from '../clients/client-directory.ts'
import { clientDirectory } from '../clients/create-directory.ts'
import type { FeedObservers } from '../feed/observers.ts'
import type { FeedOptions } from '../feed/options.ts'

/** The store and the table with which policies decide. What was given stays open; what was made here ends with the policies. */
export class Backing {
  readonly store: Store
  readonly clients: ClientDirectory | undefined
  private readonly own: { close?(): unknown }[] = []

  /** @throws ERR_OPTION_INVALID here, and not when the first document comes: it would look like a failure of the source */
  constructor(
    { store, clients, clock, ipv6Prefix }: Pick<FeedOptions, 'store' | 'clients' | 'clock' | 'ipv6Prefix'>,
    on: FeedObservers = {},
  ) {
    if (store !== undefined && (typeof store?.consume !== 'function' || typeof store.reset !== 'function'))
      throw invalid('store', 'a Store such as memoryStore()', store)
    if (clients !== undefined && !(clients instanceof ClientDirectory) && typeof clients?.load !== 'function')
      throw invalid('clients', 'a table such as sqlTable({ … }), or a clientDirectory()', clients)
    canonicalizer(ipv6Prefix)
    this.store = store ?? this.owned(memoryStore({ clock }))
    const { warning } = on
    this.clients =
      clients === undefined || clients instanceof ClientDirectory
        ? clients
        : this.owned(clientDirectory({ table: clients, on: { warning } }))
  }

  async close(): Promise<void> {
    for (const each of this.own) await each.close?.()
  }

  private owned<T extends { close?(): unknown }>(made: T): T {
    this.own.push(made)
    return made
  }
}
