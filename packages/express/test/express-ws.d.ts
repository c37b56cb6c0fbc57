// As much of express-ws as the tests use: its published types replace those of Express's router.
declare module 'express-ws' {
  import type { Express } from 'express'
  import type { WebSocket } from 'ws'

  export default function expressWs(app: Express): { app: Express & { ws(path: string, handler: (socket: WebSocket) => void): void } }
}
