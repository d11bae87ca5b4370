import type { AppCard } from '../../src/api/contract.ts'
import { when } from '../ui/format.ts'
import { t } from '../ui/text.ts'

/** What an app can do now, in a sentence. */
export const stateOf = ({ state, deletes_at }: Pick<AppCard, 'state' | 'deletes_at'>) =>
  deletes_at === null ? t(`app.state.${state}`) : t('app.deleting', { at: when(deletes_at) })
