import { benchGrowth } from '../bench/growth.ts'
import type { Report } from '../bench/support/figures.ts'
import type { SoakOptions } from './options.ts'

/** The bench of the same name, of sizes that take as long as one likes. */
export const soakGrowth = ({ rounds = 3, store, sizes, say }: SoakOptions): Promise<Report> =>
  benchGrowth({ rounds, store, sizes, say })
