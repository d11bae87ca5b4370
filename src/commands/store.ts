import { createPolicy } from '#outbound/policy.ts'
import { openStore } from '../app/store.ts'
import { type Config, readConfig } from '../config.ts'
import { openVault } from '../keys.ts'

/** What a command needs to work on the store of the settings, also while a server runs on it. */
export async function withStore<T>(
  work: (context: Awaited<ReturnType<typeof contextOf>>) => Promise<T>,
): Promise<T> {
  const config = readConfig(process.env)
  const db = await openStore(config, Date.now)
  try {
    return await work(await contextOf(config, db))
  } finally {
    await db.close()
  }
}

async function contextOf(config: Config, db: Awaited<ReturnType<typeof openStore>>) {
  const origin = config.url ?? `http://localhost:${config.port}`
  return {
    db,
    now: Date.now,
    vault: await openVault(db, config),
    site: { origin, rpId: new URL(origin).hostname },
    profile: config.cibaProfile,
    catalogue: { scopes: config.scopes, details: config.detailTypes },
    urlPolicy: createPolicy({ isOpen: config.isDev, allow: config.outboundAllow }),
  }
}
