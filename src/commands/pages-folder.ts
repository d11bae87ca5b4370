import { fileURLToPath } from 'node:url'

/** Where the built pages lie, beside the source and in the package alike. */
export const PAGES_FOLDER = fileURLToPath(new URL('../../web/dist/', import.meta.url))
