import type { SettingCard } from '../../src/api/contract.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { t } from '../ui/text.ts'
import { Frame } from './frame.tsx'

/** Every setting as it is in force, and where that stands. */
export function SettingsPage() {
  const settings = useLoad<{ settings: SettingCard[] }>('/v1/admin/settings')
  return (
    <Frame title={t('operator.settings.title')} lead={t('operator.settings.lead')}>
      <Loaded from={settings}>
        {({ settings: all }) => (
          <ul class="cards">
            {all.map((each) => (
              <li key={each.name} class="card">
                <code>{each.name}</code>
                <p>{inForce(each)}</p>
                <p class="quiet">
                  {t(`operator.source.${each.source}`)} {each.about}
                </p>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Frame>
  )
}

function inForce({ value, secret, source }: SettingCard) {
  if (source === 'unset') return t('operator.settings.unset')
  if (secret) return t('operator.settings.secret')
  return value ? <code>{value}</code> : t('operator.settings.empty')
}
