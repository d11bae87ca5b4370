import type { RequestDetail } from '../../src/api/contract.ts'
import { hostOf, when } from '../ui/format.ts'
import { t } from '../ui/text.ts'
import { Revoke } from './revoke.tsx'

interface Props {
  request: RequestDetail
  reload: () => Promise<void>
}

/** What became of an approval: where the access went, until when it holds, and the way to take it back. */
export function Handover({ request, reload }: Props) {
  const { token, client } = request
  return (
    <section class="handover">
      <p role="status">
        {journeyOf(request)} {token?.state === 'revoked' && t('handover.revoked')}
        {token?.state === 'expired' && t('handover.over')}
      </p>
      {token?.state === 'active' && (
        <>
          <p>{t('handover.ends', { ends: when(token.expires_at) })}</p>
          <Revoke tokenId={token.id} app={client.name} onDone={reload} />
        </>
      )}
    </section>
  )
}

function journeyOf({ token, delivery, notifier_url, client }: RequestDetail): string {
  if (!token) return t('handover.none')
  if (!notifier_url || !delivery) return t('handover.collected', { app: client.name })
  return t(`handover.${delivery.state}`, { host: hostOf(notifier_url) })
}
