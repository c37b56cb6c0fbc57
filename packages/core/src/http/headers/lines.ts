import type { HeaderLine, Item } from './items.ts'

// Many responses have the same numbers, so their lines are kept. The tables have a fixed size: clients cause the numbers, and must not
// cause a growth of memory. A number has one place, and a line that is not there is rendered.
const PLACES = 256

/** The lines of a field whose value is a whole number. */
export class NumberLines {
  private readonly name: string
  private readonly numbers = Array.from({ length: PLACES }, () => 0)
  private readonly lines: HeaderLine[]

  constructor(name: string) {
    const zero: HeaderLine = [name, '0']
    this.name = name
    this.lines = Array.from({ length: PLACES }, () => zero)
  }

  of(value: number): HeaderLine {
    const place = value & (PLACES - 1)
    if (this.numbers[place] === value) return this.lines[place] as HeaderLine
    this.numbers[place] = value
    return (this.lines[place] = [this.name, String(value)])
  }
}

interface LimitLine {
  item: Item
  left: number
  reset: number | undefined
  line: HeaderLine
}

const limitLines: (LimitLine | undefined)[] = Array.from({ length: PLACES }, () => undefined)

/** The line `RateLimit` of drafts 8 to 11 for one limit. `reset` is in seconds; `undefined` if no time brings units. */
export function limitLine(item: Item, left: number, reset: number | undefined): HeaderLine {
  const place = left & (PLACES - 1)
  const known = limitLines[place]
  if (known !== undefined && known.left === left && known.reset === reset && known.item === item) return known.line
  const hasReset = item.window !== undefined && reset !== undefined
  const line: HeaderLine = ['RateLimit', hasReset ? `${item.opening}${left};t=${reset}` : item.opening + left]
  if (known === undefined) limitLines[place] = { item, left, reset, line }
  else {
    known.item = item
    known.left = left
    known.reset = reset
    known.line = line
  }
  return line
}
