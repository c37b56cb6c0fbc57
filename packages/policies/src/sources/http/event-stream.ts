/** An event of a `text/event-stream`. */
export interface StreamEvent {
  /** `message` unless the stream names another. */
  readonly type: string
  readonly data: string
  /** The id that was sent last, with this event or before it; `undefined` until there is one. */
  readonly id: string | undefined
}

/**
 * Reads the events of a `text/event-stream` as the HTML standard says. An event counts only when the empty line after it has come: what a
 * cut connection leaves is no event.
 */
export class EventStream {
  private readonly decoder = new TextDecoder()
  private readonly max: number
  private rest = ''
  /** Where the search for the end of a line goes on: a long line comes in many chunks. */
  private searched = 0
  private isAfterCr = false
  private type = ''
  private data: string[] = []
  private length = 0
  private id: string | undefined

  /** @param max the longest event, in characters: a server must not fill the memory */
  constructor(max: number) {
    this.max = max
  }

  /** The events that the chunk completes. @throws for an event that is too long */
  push(chunk: Uint8Array): readonly StreamEvent[] {
    const events: StreamEvent[] = []
    this.rest += this.decoder.decode(chunk, { stream: true })
    if (this.isAfterCr && this.rest !== '') {
      this.isAfterCr = false
      if (this.rest.startsWith('\n')) this.rest = this.rest.slice(1)
    }
    for (let line = this.nextLine(); line !== undefined; line = this.nextLine()) {
      if (line !== '') this.take(line)
      else {
        // Without data there is no event, says the standard.
        if (this.data.length > 0) events.push({ type: this.type || 'message', data: this.data.join('\n'), id: this.id })
        this.type = ''
        this.data = []
        this.length = 0
      }
    }
    if (this.rest.length + this.length > this.max) throw new Error(`the stream has an event of more than ${this.max} characters`)
    return events
  }

  private nextLine(): string | undefined {
    const { rest } = this
    for (let i = this.searched; i < rest.length; i++) {
      const char = rest.charCodeAt(i)
      if (char !== CR && char !== LF) continue
      // The LF of a CR LF may be in the next chunk.
      this.isAfterCr = char === CR && i + 1 === rest.length
      this.rest = rest.slice(char === CR && rest.charCodeAt(i + 1) === LF ? i + 2 : i + 1)
      this.searched = 0
      return rest.slice(0, i)
    }
    this.searched = rest.length
    return undefined
  }

  private take(line: string): void {
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'event') this.type = value
    else if (field === 'id' && !value.includes('\0')) this.id = value
    else if (field === 'data') {
      this.data.push(value)
      this.length += value.length
    }
  }
}

const CR = 0x0d
const LF = 0x0a
