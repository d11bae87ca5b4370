import type { ContactCard } from '../../src/api/contract.ts'
import { deviceName } from '../ui/device.ts'
import { when } from '../ui/format.ts'
import { Loaded, useLoad } from '../ui/load.tsx'
import { TakeAway } from '../ui/take-away.tsx'
import { t } from '../ui/text.ts'
import { UseWhatsapp } from './whatsapp.tsx'

/** Where this user is told that an app asks. */
export function Contacts() {
  const contacts = useLoad<{ contacts: ContactCard[] }>('/v1/me/contacts')
  return (
    <section>
      <h2>{t('contacts.title')}</h2>
      <p>{t('contacts.lead')}</p>
      <Loaded from={contacts}>
        {({ contacts: all }) => (
          <ul class="cards">
            {all.map((contact) => (
              <Contact key={contact.id} contact={contact} reload={contacts.reload} />
            ))}
          </ul>
        )}
      </Loaded>
      {contacts.data?.contacts.length === 0 && <p class="quiet">{t('contacts.none')}</p>}
      {contacts.data && <UseWhatsapp contacts={contacts.data.contacts} reload={contacts.reload} />}
    </section>
  )
}

function Contact({ contact, reload }: { contact: ContactCard; reload: () => Promise<void> }) {
  const { id, channel, address, label, state, created_at } = contact
  const name =
    channel === 'whatsapp'
      ? t('contacts.whatsapp', { number: address ?? t('contacts.whatsapp.hidden') })
      : deviceName(label)
  return (
    <li class="card row">
      <div>
        <bdi class="name">{name}</bdi>
        <p class="quiet">{t('contacts.added', { at: when(created_at) })}</p>
        {state === 'suspended' && <p>{t('contacts.whatsapp.suspended')}</p>}
        {state === 'unreachable' && (
          <p>{channel === 'whatsapp' ? t('contacts.whatsapp.unreachable') : t('contacts.unreachable')}</p>
        )}
      </div>
      <TakeAway
        label={t('action.remove')}
        of={name}
        title={t('contacts.remove.title')}
        text={t('contacts.remove.text', { name })}
        action={t('contacts.remove.action')}
        path={`/v1/me/contacts/${id}`}
        onDone={reload}
      />
    </li>
  )
}
