import { useEffect } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Failure } from '../ui/failure.tsx'
import { Heading } from '../ui/heading.tsx'
import { replaceWith } from '../ui/navigate.ts'
import { Shell } from '../ui/shell.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { t } from '../ui/text.ts'

/** An app sent the browser here: it becomes a request like any other, and is decided on the same page. */
export function AuthorizePage() {
  const { query } = useLocation()
  const ask = useAction(async () => {
    const { request_id } = await post<{ request_id: string }>('/v1/me/authorizations', {
      client_id: query.client_id,
      redirect_uri: query.redirect_uri,
      state: query.state,
    })
    replaceWith(`/r/${request_id}`)
  })
  useEffect(() => void ask.run(), [])

  return (
    <Shell>
      <Heading title={t('authorize.title')} />
      <p class="lead">{t('authorize.lead')}</p>
      {ask.error === undefined ? <Skeleton /> : <Failure error={ask.error} retry={ask.run} />}
    </Shell>
  )
}
