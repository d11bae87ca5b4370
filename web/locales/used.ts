/** Keys of texts that a source names, whole (`'inbox.title'`) or by their beginning (`` `status.${…}` ``). */
export function keysIn(source: string, known: readonly string[]): string[] {
  const literals = new Set([...source.matchAll(/'([\w.]+)'/g)].map(([, text]) => text ?? ''))
  const beginnings = [...source.matchAll(/`([\w.]+\.)\$\{/g)].map(([, text]) => text ?? '')
  return known.filter((key) => literals.has(key) || beginnings.some((each) => key.startsWith(each)))
}
