import type { ServerConfig } from '../config/config.ts'
import type { Listened } from './greeting.ts'

/** What a worker says to its primary. */
export type FromWorker =
  | { readonly sluice: 'ready for configuration' }
  | { readonly sluice: 'listening'; readonly at: Listened }
  | { readonly sluice: 'failed'; readonly message: string }
  | { readonly sluice: 'log'; readonly line: string }
  | { readonly sluice: 'metrics wanted'; readonly id: number }
  | { readonly sluice: 'metrics'; readonly id: number; readonly metrics: object[] }

/** What a primary says to its workers. */
export type FromPrimary =
  | { readonly sluice: 'configuration'; readonly config: ServerConfig }
  | { readonly sluice: 'drain' }
  | { readonly sluice: 'reload' }
  | { readonly sluice: 'metrics wanted'; readonly id: number }
  | { readonly sluice: 'metrics'; readonly id: number; readonly text: string }

/** Node sends messages of its own over the same channel. */
export function isOurs(message: unknown): message is { readonly sluice: string } {
  return typeof message === 'object' && message !== null && 'sluice' in message
}
