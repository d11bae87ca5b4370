/** Does a piece of work for each item, so many at a time. */
export async function inParallel<T>(atOnce: number, items: readonly T[], work: (item: T) => Promise<void>) {
  let next = 0
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) await work(items[at] as T)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
