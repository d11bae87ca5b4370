import type { Approval } from '../../src/api/contract.ts'
import { hostOf } from '../ui/format.ts'
import { t } from '../ui/text.ts'

/** Where the access goes if it is given: the host large, because it is what people can judge. */
export function Destination({ approval }: { approval: Pick<Approval, 'notifier_url' | 'redirect_url'> }) {
  const { notifier_url, redirect_url } = approval
  const url = notifier_url ?? redirect_url
  if (!url) return t('request.collected')
  return (
    <>
      {!notifier_url && <p>{t('request.browser')}</p>}
      <p class="host">
        <bdi>{hostOf(url)}</bdi>
      </p>
      <p class="url">
        <bdi>{url}</bdi>
      </p>
    </>
  )
}
