/** Carries messages between regions. Each region gets the messages of all others. */
export interface RegionTransport {
  /**
   * Sends messages to all other regions. Resolves when a crash of this process cannot lose them. A message may arrive twice, late, in any
   * order, or never. Messages of one partition go the same way, so that they mostly keep their order.
   */
  publish(messages: readonly RegionEnvelope[]): Promise<void>
  /**
   * Gets the messages of other regions. One process of `region` gets a message. It is acknowledged when `apply` resolves, and delivered again
   * when `apply` rejects.
   * @returns a function that ends the subscription. The last one also ends the connections that the transport has made, so a store that is
   * closed before it listened subscribes and ends that at once
   */
  subscribe(region: string, apply: (body: Uint8Array) => Promise<void>): Promise<() => Promise<void>>
}

export interface RegionEnvelope {
  /** The partition of the subjects in it, from 0. */
  readonly partition: number
  readonly body: Uint8Array
}
