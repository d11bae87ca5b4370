import { openStore } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'

/** Where a store is: a folder, and a database where it is not the embedded one. */
export interface Place {
  data: string
  database?: string | undefined
}

export const settingsOf = ({ data, database }: Place) => ({
  COUNTERSIGN_DATA: data,
  COUNTERSIGN_DEV: '1',
  ...(database ? { COUNTERSIGN_DATABASE: database } : {}),
})

/** The same store that a server has there, opened beside it. */
export const openBeside = (place: Place) => openStore(readConfig(settingsOf(place)), Date.now)
