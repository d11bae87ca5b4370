import type { ContactCard } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { deviceName } from '../ui/device.ts'
import { Failure } from '../ui/failure.tsx'
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
      : channel === 'http'
        ? t('contacts.app')
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
        {state === 'removed' && <p>{t('contacts.removed')}</p>}
      </div>
      {channel === 'http' && state !== 'active' ? (
        <Resume id={id} reload={reload} />
      ) : (
        <TakeAway
          label={t('action.remove')}
          of={name}
          title={t('contacts.remove.title')}
          text={t('contacts.remove.text', { name })}
          action={t('contacts.remove.action')}
          path={`/v1/me/contacts/${id}`}
          onDone={reload}
        />
      )}
    </li>
  )
}

/** What every user has is not lost when it is taken away. */
function Resume({ id, reload }: { id: string; reload: () => Promise<void> }) {
  const resume = useAction(async () => {
    await post(`/v1/me/contacts/${id}/resume`)
    await reload()
  })
  return (
    <>
      <Failure error={resume.error} />
      <Button isBusy={resume.isBusy} onClick={resume.run}>
        {t('contacts.resume')}
      </Button>
    </>
  )
}
