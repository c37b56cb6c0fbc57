import type { Match } from '../document.ts'
import type { Attributes } from '../request.ts'
import { type Narrowable, Narrowing, Remembered } from './narrowing.ts'
import { PathIndex } from './paths.ts'

/**
 * Finds the rules that may match a request, by its path and by its attributes. Its time does not depend on how many rules name another path,
 * or another value of an attribute that many rules name.
 */
export class RuleIndex<T extends Narrowable> {
  private readonly paths: PathIndex<T, Narrowing<T>>

  constructor() {
    const remembered = new Remembered()
    const forget = (): void => this.paths.forget()
    this.paths = new PathIndex((rules) => new Narrowing(rules, remembered, forget))
  }

  /** In the order of the document. */
  add(rule: T, { paths, caseSensitive = false }: Match): void {
    for (const path of paths ?? [undefined]) this.paths.add(path, caseSensitive, rule)
  }

  /** Every rule that matches, and a few others, in the order in which they were added. The list is shared: it never changes. */
  find(target: string, attributes: Attributes): readonly T[] {
    return this.paths.find(target).by(attributes)
  }
}
