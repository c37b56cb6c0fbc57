import { systemClock } from '@sluice/core'
import { NotSentError } from '../errors.ts'
import { COMMAND_TIMEOUT } from './adapted-client.ts'

/**
 * Bounds one command of node-redis, in the form of the signal that its option `abortSignal` takes. The client asks `aborted` before it
 * queues the command, listens while the command waits, and stops listening when it writes the command. So the store knows what was written.
 * With `isOnce`, the client cannot queue the command again after it was written.
 */
export class Attempt {
  private readonly isOnce: boolean
  private readonly waiting: Set<Attempt> | undefined
  private isOver = false
  private isWritten = false
  private withdraw: (() => void) | undefined

  /** @param waiting gets the attempts whose commands are in the client's queue */
  constructor(isOnce: boolean, waiting?: Set<Attempt>) {
    this.isOnce = isOnce
    this.waiting = waiting
  }

  get aborted(): boolean {
    return this.isOver || (this.isOnce && this.isWritten)
  }

  addEventListener(_type: string, listener: () => void): void {
    this.withdraw = listener
    this.waiting?.add(this)
    // Again after a redirection, which the first server did not run.
    this.isWritten = false
  }

  removeEventListener(): void {
    this.withdraw = undefined
    this.waiting?.delete(this)
    this.isWritten = true
  }

  /** Lets the client remove the command from its queue. */
  abort(): void {
    this.withdraw?.()
  }

  /**
   * Resolves as the reply does. After COMMAND_TIMEOUT, `takeBack` must make sure that a command that still waits is not run.
   * @throws NotSentError if the command was not written within COMMAND_TIMEOUT, or the client refused to queue it
   */
  settle(reply: Promise<unknown>, takeBack: () => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const cancel = systemClock.after(COMMAND_TIMEOUT, () => {
        const { isWritten } = this
        this.isOver = true
        this.waiting?.delete(this)
        if (!isWritten) takeBack()
        reject(isWritten ? new Error(`No answer within ${COMMAND_TIMEOUT} ms`) : new NotSentError(`not sent within ${COMMAND_TIMEOUT} ms`))
      })
      reply.then(
        (value) => {
          cancel()
          resolve(value)
        },
        (error: unknown) => {
          cancel()
          this.waiting?.delete(this)
          reject(this.isWritten || isReply(error) ? lostOr(error) : new NotSentError(error))
        },
      )
    })
  }
}

/** Whether the server sent the error. Redirections come from the server too. */
function isReply(error: unknown): boolean {
  return error instanceof Error && /^[A-Z]+ /.test(error.message)
}

/** What the error of a redirected command, or of one that must not be sent again, stands for. */
function lostOr(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  if (error.message === 'The command was aborted') return new Error('the connection was lost before the reply', { cause: error })
  return error.message === 'Too many Cluster redirections' && error.cause instanceof Error ? error.cause : error
}
