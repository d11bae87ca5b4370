import { DatabaseSync } from 'node:sqlite'
import postgres from 'postgres'

/** Reads a store from outside, as an operator with its keys would, past all of our own code. */
export async function selectFrom(store: { path: string } | { url: string }, text: string) {
  if ('path' in store) {
    const db = new DatabaseSync(store.path, { readOnly: true })
    try {
      return db.prepare(text).all() as Record<string, unknown>[]
    } finally {
      db.close()
    }
  }
  const client = postgres(store.url, { max: 1 })
  try {
    return [...(await client.unsafe(text))] as Record<string, unknown>[]
  } finally {
    await client.end()
  }
}
