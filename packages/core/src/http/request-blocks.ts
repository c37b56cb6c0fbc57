import type { Clock } from '../clock.ts'
import type { Decision } from '../decision.ts'
import type { DecisionFacts } from '../decision-facts.ts'

/** What a block list says of a request that it blocks. */
export interface RequestBlock {
  /** When the block ends: ms since the Unix epoch, by the clock of the list. */
  readonly until: number
  /** The name of the rule that blocks, for decisions and logs. No client sees it. */
  readonly rule: string
  /**
   * `refuse` answers with 403. `drop` closes the connection where that is possible: on Node's servers, for a client that is connected directly. Else
   * it refuses. `shadow` only reports to observers.
   */
  readonly action: 'refuse' | 'drop' | 'shadow'
}

/** What a block list gets beside the decision of a request. */
export interface BlockFacts extends DecisionFacts {
  /** The client's address with all its bits; `undefined` if it is not known. */
  readonly address: string | undefined
  /**
   * Whether the application knows who the client is: a limit has a key with `user()`, or a document one with an attribute or `trusted: true`, and
   * the request has its value.
   */
  readonly authenticated: boolean
  /**
   * Who the client is, if `authenticated`: the value of that part alone, such as the user of a key with user and route. `check` gets it among its
   * subjects.
   */
  readonly identity?: string | undefined
  /**
   * Of a refusal: the pattern of the route, or where none is known the path without its query. To compare requests of one client, not to be
   * shown: a path may have names in it.
   */
  readonly endpoint?: string | undefined
}

/** Clients that are refused before the limiter is asked: what `blockList()` of `@sluice/blocklist` returns. */
export interface RequestBlockList {
  /** The clock that the list was given for tests. Default: the system's. */
  readonly clock?: Clock | undefined
  /**
   * What blocks the request, if anything does. Called once for each request that is limited, before anything is charged. It must answer at
   * once. If it throws, the request goes on.
   * @param subjects the subject of the request, or the different ones of its limits; none for a request that has no subject
   * @param address the client's, with all its bits; `undefined` if it is not known
   */
  check(subjects: readonly string[] | string, address: string | undefined): RequestBlock | undefined
  /** Called with each decision on a request that was not blocked, with the wait that the client sees. If it throws, the request goes on. */
  decided?(decision: Decision, facts: BlockFacts): void
}
