/** A server that listens. */
export interface Listening {
  /** Such as `http://127.0.0.1:8080`, or `unix:/run/sluice.sock`. */
  readonly url: string
  reload(): void
  /** Takes no more connections, and resolves when all requests are answered, or after `timeout` ms. */
  close(timeout: number): Promise<void>
}
