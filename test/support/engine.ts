import { after } from 'node:test'
import { borrowPostgres } from './postgres.ts'

let makeDatabase: (() => Promise<string>) | undefined

/** From here on every server and store that the tests of this process start lies in PostgreSQL, each in a database of its own. */
export async function usePostgres() {
  if (makeDatabase) return
  const postgres = await borrowPostgres()
  makeDatabase = () => postgres.migrated()
  after(() => postgres[Symbol.asyncDispose]())
}

/** Address of a new database in the form of this release, or undefined where the embedded store is used. */
export const newDatabase = async (): Promise<string | undefined> => makeDatabase?.()

/** Whether the stores of this process are files of their own. */
export const isEmbedded = (): boolean => makeDatabase === undefined
