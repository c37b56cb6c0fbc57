/** What is read of a feed of policies. `policyFeed()` of @sluice/policies returns one. */
export interface ObservedFeed {
  health(): {
    readonly namespaces: readonly {
      readonly namespace: string
      readonly revision: number
      /** ms since the epoch: when this process last heard from the source that nothing newer is there. `undefined`: never. */
      readonly confirmedAt: number | undefined
    }[]
    /** How many documents came from the source, by what became of them. */
    readonly loads: Readonly<Record<string, number>>
  }
}

/** What is read of a table of clients in memory. `clientDirectory()` of @sluice/policies returns one. */
export interface ObservedClients {
  health(): { readonly hits: number; readonly stale: number; readonly misses: number }
}

/** What is read of a block list. `blockList()` of @sluice/blocklist returns one. */
export interface ObservedBlockList {
  health(): {
    /** Entries that hold now, by what they do. */
    readonly active: Readonly<Record<'refuse' | 'drop' | 'shadow', number>>
    /** Changes that this process made since its start. */
    readonly changes: readonly { readonly rule: string; readonly action: string; readonly count: number }[]
  }
}

/** What is read of decision events. `decisionEvents()` of this package returns one. */
export interface ObservedEvents {
  /** Events that were not sent since the start, by the reason. */
  dropped(): Readonly<Record<string, number>>
}

/** Parts of an application that metrics are read from when they are collected. Limiters need not be given. */
export interface MetricSources {
  /** Feeds of policies: revision, age and loads. Default: none. */
  readonly feeds?: readonly ObservedFeed[] | undefined
  /** Tables of clients: hits and misses. Default: none. */
  readonly clients?: readonly ObservedClients[] | undefined
  /** Block lists: entries and changes. Default: none. */
  readonly blockLists?: readonly ObservedBlockList[] | undefined
  /** Decision events: what was dropped. Default: none. */
  readonly events?: readonly ObservedEvents[] | undefined
}
