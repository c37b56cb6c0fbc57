// Addresses behind which several users are: an office, a school, a mobile network. To block one would block them all.

const GENERATION = 300_000
const MAX_ADDRESSES = 10_000
/** Authenticated subjects that are distinguished behind one address. */
const MAX_SUBJECTS = 16

/** By address, hashes of the authenticated subjects that used it within the last 5 to 10 minutes. Its memory is bounded. */
export class SharedAddresses {
  private readonly least: number
  private now = new Map<string, number[]>()
  private before = new Map<string, number[]>()
  private begin = 0

  /** @param least from how many authenticated subjects on an address is shared */
  constructor(least: number) {
    this.least = least
  }

  note(address: string, subject: number, at: number): void {
    if (at - this.begin >= GENERATION || this.now.size >= MAX_ADDRESSES) this.turn(at)
    const subjects = this.now.get(address)
    if (subjects === undefined) this.now.set(address, [subject])
    else if (subjects.length < MAX_SUBJECTS && !subjects.includes(subject)) subjects.push(subject)
  }

  isShared(address: string, at: number): boolean {
    if (at - this.begin >= GENERATION) this.turn(at)
    const now = this.now.get(address) ?? []
    const before = this.before.get(address) ?? []
    return now.length + before.filter((subject) => !now.includes(subject)).length >= this.least
  }

  private turn(at: number): void {
    this.before = at - this.begin < 2 * GENERATION ? this.now : new Map()
    this.now = new Map()
    this.begin = at
  }
}
