/** Chooses the decisions that become events, so that the sum of their weights is right on average. */
export class Sampler {
  private readonly share: number
  private readonly budget: number
  private readonly random: () => number
  /** Decisions until the next one that is chosen. */
  private skip = -1
  private second = 0
  private left = 0

  /**
   * @param share of the decisions that are chosen, 0 to 1
   * @param budget refusals a second that are all chosen
   */
  constructor(share: number, budget: number, random: () => number = Math.random) {
    this.share = share
    this.budget = budget
    this.random = random
  }

  /** How many decisions this one stands for; 0 if it is not chosen. */
  weightOf(isRefusal: boolean, now: number): number {
    return isRefusal && this.isInBudget(now) ? 1 : this.sampled()
  }

  private isInBudget(now: number): boolean {
    // A clock may step back.
    if (now >= this.second + 1_000 || now < this.second) {
      this.second = now
      this.left = this.budget
    }
    if (this.left === 0) return false
    this.left -= 1
    return true
  }

  private sampled(): number {
    // An edge runtime has no random numbers before the first request.
    if (this.skip < 0) this.draw()
    this.skip -= 1
    return this.skip < 0 ? 1 / this.share : 0
  }

  /** How many decisions a sample leaves out before the next one has a geometric distribution: one random number serves all of them. */
  private draw(): void {
    this.skip = this.share === 1 ? 0 : this.share === 0 ? Infinity : Math.floor(Math.log(1 - this.random()) / Math.log(1 - this.share))
  }
}
