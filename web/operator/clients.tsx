import { useState } from 'preact/hooks'
import type { AdminClientCard, AppState } from '../../src/api/contract.ts'
import { Filter, PagedList } from '../console/list.tsx'
import { post } from '../ui/api.ts'
import { t } from '../ui/text.ts'
import { usePages } from '../ui/use-pages.ts'
import { AppFacts } from './app-facts.tsx'
import { Ask } from './ask.tsx'
import { Frame } from './frame.tsx'
import { Search } from './search.tsx'

const states: AppState[] = ['active', 'under_review', 'rejected', 'expired', 'disabled']

/** All apps there are, and the switch of each. */
export function ClientsPage() {
  const [text, setText] = useState('')
  const [state, setState] = useState<AppState | ''>('')
  const query = new URLSearchParams({ ...(text && { q: text }), ...(state && { state }) }).toString()
  const apps = usePages<AdminClientCard>('/v1/admin/clients', query, 'clients')
  const turn = (id: string, state: 'active' | 'disabled') => async () => {
    await post(`/v1/admin/clients/${id}/state`, { state })
    await apps.reload()
  }
  return (
    <Frame title={t('operator.apps.title')} lead={t('operator.apps.lead')}>
      <Search label={t('operator.apps.search')} onSearch={setText} />
      <Filter
        value={state}
        options={states.map((each) => [each, t(`operator.appState.${each}`)] as const)}
        onChange={setState}
      />
      <PagedList from={apps} empty={<p>{t(query ? 'operator.noMatch' : 'operator.apps.none')}</p>}>
        {(app) => (
          <>
            <AppFacts app={app} />
            <div class="actions">
              {app.state === 'disabled' ? (
                <Ask
                  label={t('operator.apps.enable')}
                  of={app.name}
                  title={t('operator.apps.enable.title', { app: app.name })}
                  text={t('operator.apps.enable.text')}
                  action={t('operator.apps.enable')}
                  onDone={turn(app.id, 'active')}
                />
              ) : (
                <Ask
                  label={t('operator.apps.disable')}
                  of={app.name}
                  kind="danger"
                  title={t('operator.apps.disable.title', { app: app.name })}
                  text={t('operator.apps.disable.text')}
                  action={t('operator.apps.disable')}
                  onDone={turn(app.id, 'disabled')}
                />
              )}
            </div>
          </>
        )}
      </PagedList>
    </Frame>
  )
}
