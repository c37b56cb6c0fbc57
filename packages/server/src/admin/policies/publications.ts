import type { PolicyFeed } from '@sluice/policies'
import { killSwitchIn, type KillSwitch } from './kill-switch.ts'

/** What is known of the revision in force of a namespace. */
interface Known {
  readonly revision: number
  /** ms since the epoch: when this instance took it over. */
  readonly at: number
  readonly by: string | undefined
}

/** When revisions came into force here since the start, and who published them. */
export class Publications {
  private readonly known = new Map<string, Known>()
  private readonly feed: PolicyFeed
  private readonly now: () => number
  private readonly unsubscribe: () => void

  constructor(feed: PolicyFeed, now: () => number) {
    this.feed = feed
    this.now = now
    this.unsubscribe = feed.subscribe(({ document: { namespace, revision } }) => this.note(namespace, revision, undefined))
  }

  /** Remembers who has published a revision, before or after it came into force here. */
  note(namespace: string, revision: number, by: string | undefined): void {
    const known = this.known.get(namespace)
    if (known !== undefined && known.revision > revision) return
    const isSame = known?.revision === revision
    this.known.set(namespace, { revision, at: isSame ? known.at : this.now(), by: by ?? (isSame ? known.by : undefined) })
  }

  of(namespace: string, revision: number): Known | undefined {
    const known = this.known.get(namespace)
    return known?.revision === revision ? known : undefined
  }

  /** The kill switch of a namespace, while it is off. */
  switchOf(namespace: string): KillSwitch | undefined {
    const current = this.feed.inForce(namespace)
    return current && killSwitchIn(current.text, current.document, this.now())
  }

  close(): void {
    this.unsubscribe()
  }
}
