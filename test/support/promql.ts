/** What a query of Prometheus names: metrics, and labels with the values asked for. Not a parser: it reads what ours are made of. */
export function namedIn(query: string) {
  const metrics = new Set<string>()
  const matchers: { metric: string; label: string; operator: string; value: string }[] = []
  const groups = new Set<string>()
  // Labels of a grouping are no metrics.
  const rest = query.replaceAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g, (_, labels: string) => {
    for (const label of labels.split(',')) groups.add(label.trim())
    return ''
  })
  for (const [, metric = '', , inner = ''] of rest.matchAll(/\b([a-z_][\w:]*)\b(?!\s*\()(\{([^}]*)\})?/gi)) {
    if (KEYWORDS.has(metric) || !metric.includes('_')) continue
    metrics.add(metric)
    for (const [, label = '', operator = '', value = ''] of inner.matchAll(
      /(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g,
    ))
      matchers.push({ metric, label, operator, value })
  }
  return { metrics, matchers, groups }
}

const KEYWORDS = new Set(['and', 'or', 'unless', 'offset', 'bool', '__rate_interval'])

/** Whether every bracket that opens is closed, in order. */
export function isBalanced(query: string): boolean {
  const open: string[] = []
  for (const sign of query.replaceAll(/"[^"]*"/g, '')) {
    if ('([{'.includes(sign)) open.push(sign)
    const at = ')]}'.indexOf(sign)
    if (at >= 0 && open.pop() !== '([{'[at]) return false
  }
  return open.length === 0
}
