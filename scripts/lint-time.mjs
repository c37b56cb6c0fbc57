// An oxlint plugin of one rule: what reads the time or sets a timer. oxlint's own rules cannot see `new Date()` or `x.Date.now()`.

const message = 'Time is a parameter: only packages/core/src/clock.ts reads the time or sets a timer. Take a Clock.'
const timers = new Set(['setTimeout', 'setInterval', 'setImmediate'])

/** The last name of `a`, `x.a`, `x?.a` or `x['a']`. @param {any} node @returns {string | undefined} */
const nameOf = (node) => {
  if (node.type === 'Identifier') return node.name
  if (node.type === 'ChainExpression') return nameOf(node.expression)
  if (node.type === 'MemberExpression') return node.computed ? node.property.value : node.property.name
  return undefined
}

/** @param {any} context */
const create = (context) => {
  /** @param {any} node */
  const report = (node) => context.report({ node, message })
  return {
    /** @param {any} node */
    MemberExpression(node) {
      const object = nameOf(node.object)
      if (nameOf(node) === 'now' && (object === 'Date' || object === 'performance')) report(node)
    },
    /** @param {any} node */
    NewExpression(node) {
      if (nameOf(node.callee) === 'Date' && node.arguments.length === 0) report(node)
    },
    /** @param {any} node */
    CallExpression(node) {
      const callee = nameOf(node.callee)
      if (callee === 'Date' || (callee !== undefined && timers.has(callee))) report(node)
    },
  }
}

export default { meta: { name: 'sluice' }, rules: { 'time-is-a-parameter': { create } } }
