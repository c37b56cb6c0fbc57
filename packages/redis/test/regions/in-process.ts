import type { RegionTransport } from '@sluice/regions'

/** Carries messages between the regions of a test, and waits for their application. */
export class InProcess {
  private readonly handlers = new Map<string, (body: Uint8Array) => Promise<void>>()
  /** The regions that are cut off. */
  readonly cut = new Set<string>()
  /** Every message that was published. */
  readonly bodies: { readonly from: string; readonly body: Uint8Array }[] = []

  of(self: string): RegionTransport {
    return {
      publish: async (messages) => {
        for (const { body } of messages) {
          this.bodies.push({ from: self, body })
          for (const [region, apply] of this.handlers) {
            if (region !== self && !this.cut.has(region) && !this.cut.has(self)) await apply(body)
          }
        }
      },
      subscribe: async (region, apply) => {
        this.handlers.set(region, apply)
        return async () => void this.handlers.delete(region)
      },
    }
  }
}
