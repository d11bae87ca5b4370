import type { ComponentChildren } from 'preact'
import { useId, useState } from 'preact/hooks'
import type { InitiatorCard } from '../../src/api/contract.ts'
import { t } from '../ui/text.ts'

const methods = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
] as const
type Method = (typeof methods)[number]
const subjects = ['subject_dn', 'san_dns', 'san_uri', 'san_ip', 'san_email'] as const
const signings = ['', 'PS256', 'ES256'] as const
const formats = ['jwt', 'opaque'] as const
const bindings = ['', 'dpop', 'certificate'] as const

/** The rest of what OpenID CIBA lets an app register; most apps need none of it. */
export function CibaMore({ known }: { known: InitiatorCard | null }) {
  const [method, setMethod] = useState((known?.token_endpoint_auth_method ?? methods[0]) as Method)
  const { kind, value } = subjectOf(known)
  return (
    <details>
      <summary>{t('ciba.more')}</summary>
      <p class="quiet">{t('ciba.more.lead')}</p>
      <Choice
        name="method"
        label={t('ciba.method')}
        options={methods.map((each) => [each, t(`ciba.method.${each}`)])}
        value={method}
        onChange={(value) => setMethod(value as Method)}
      >
        {known && !isSecret(method) && isSecret(known.token_endpoint_auth_method) && t('ciba.method.ends')}
      </Choice>
      {method === 'tls_client_auth' && (
        <>
          <Choice
            name="subject_kind"
            label={t('ciba.subject')}
            options={subjects.map((each) => [each, t(`ciba.subject.${each}`)])}
            value={kind}
          />
          <Line name="subject" label={t('ciba.subject.value')} value={value} isRequired />
        </>
      )}
      <Line name="jwks_uri" label={t('ciba.jwks_uri')} value={known?.jwks_uri ?? ''}>
        {t('ciba.jwks_uri.help')}
      </Line>
      <Line
        name="jwks"
        isLong
        label={t('ciba.jwks')}
        value={known?.jwks ? JSON.stringify(known.jwks, null, 1) : ''}
      >
        {t('ciba.jwks.help')}
      </Line>
      <Choice
        name="signing"
        label={t('ciba.signing')}
        options={signings.map((each) => [
          each,
          each ? t('ciba.signing.by', { alg: each }) : t('ciba.signing.none'),
        ])}
        value={known?.backchannel_authentication_request_signing_alg ?? ''}
      />
      <Choice
        name="format"
        label={t('ciba.format')}
        options={formats.map((each) => [each, t(`ciba.format.${each}`)])}
        value={known?.access_token_format ?? 'jwt'}
      />
      <Choice
        name="bound"
        label={t('ciba.bound')}
        options={bindings.map((each) => [each, t(`ciba.bound.${each || 'none'}`)])}
        value={boundOf(known)}
      >
        {t('ciba.bound.help')}
      </Choice>
      <Line name="types" label={t('ciba.types')} value={known?.authorization_details_types.join(' ') ?? ''}>
        {t('ciba.types.help')}
      </Line>
      <Tick name="match" label={t('ciba.match')} isOn={known?.require_match_code} />
      <Tick name="user_code" label={t('ciba.userCode')} isOn={known?.backchannel_user_code_parameter} />
      <Tick name="fapi" label={t('ciba.fapi')} isOn={known?.profile === 'fapi'}>
        {t('ciba.fapi.help')}
      </Tick>
    </details>
  )
}

const isSecret = (method: string) => method.startsWith('client_secret')

const boundOf = (known: InitiatorCard | null) => {
  if (known?.dpop_bound_access_tokens) return 'dpop'
  return known?.tls_client_certificate_bound_access_tokens ? 'certificate' : ''
}

function subjectOf(known: InitiatorCard | null) {
  const kind = subjects.find((each) => known?.[`tls_client_auth_${each}`] !== undefined)
  return { kind: kind ?? subjects[0], value: kind ? (known?.[`tls_client_auth_${kind}`] ?? '') : '' }
}

/** What was filled in, as the API takes it. @throws Error for keys that are no JSON */
export function moreTerms(data: FormData) {
  const text = (name: string) => String(data.get(name) ?? '').trim()
  const method = text('method')
  const named = (kind: string) => method === 'tls_client_auth' && kind === text('subject_kind')
  return {
    token_endpoint_auth_method: method,
    ...Object.fromEntries(
      subjects.map((kind) => [`tls_client_auth_${kind}`, named(kind) ? text('subject') : null]),
    ),
    jwks_uri: text('jwks_uri') || null,
    jwks: text('jwks') ? readKeys(text('jwks')) : null,
    backchannel_authentication_request_signing_alg: text('signing') || null,
    access_token_format: text('format'),
    dpop_bound_access_tokens: text('bound') === 'dpop',
    tls_client_certificate_bound_access_tokens: text('bound') === 'certificate',
    authorization_details_types: text('types').split(/\s+/).filter(Boolean),
    require_match_code: data.has('match'),
    backchannel_user_code_parameter: data.has('user_code'),
    profile: data.has('fapi') ? 'fapi' : 'core',
  }
}

function readKeys(text: string): object {
  try {
    const set = JSON.parse(text) as { keys?: unknown } | null
    if (Array.isArray(set?.keys)) return set as object
  } catch {
    // Said below, in words for people.
  }
  throw new Error(t('ciba.jwks.wrong'))
}

interface FieldProps {
  name: string
  label: string
  value: string
  /** A line on what it is for. */
  children?: ComponentChildren
}

function Choice({
  name,
  label,
  value,
  options,
  onChange,
  children,
}: FieldProps & { options: (readonly [string, string])[]; onChange?: (value: string) => void }) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <Help id={id}>{children}</Help>
      <select
        id={id}
        name={name}
        aria-describedby={`${id}-help`}
        onChange={(event) => onChange?.(event.currentTarget.value)}
      >
        {options.map(([each, words]) => (
          <option key={each} value={each} selected={each === value}>
            {words}
          </option>
        ))}
      </select>
    </div>
  )
}

function Line({
  name,
  label,
  value,
  isLong = false,
  isRequired = false,
  children,
}: FieldProps & { isLong?: boolean; isRequired?: boolean }) {
  const id = useId()
  const given = { id, name, defaultValue: value, 'aria-describedby': `${id}-help`, spellcheck: false }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <Help id={id}>{children}</Help>
      {isLong ? (
        <textarea rows={4} {...given} />
      ) : (
        <input type="text" autocomplete="off" required={isRequired} {...given} />
      )}
    </div>
  )
}

const Help = ({ id, children }: { id: string; children?: ComponentChildren }) => (
  <p id={`${id}-help`} class="quiet" hidden={!children}>
    {children}
  </p>
)

function Tick({
  name,
  label,
  isOn = false,
  children,
}: Omit<FieldProps, 'value'> & { isOn?: boolean | undefined }) {
  return (
    <>
      <label class="choice">
        <input type="checkbox" name={name} value="1" defaultChecked={isOn} /> {label}
      </label>
      {children && <p class="quiet">{children}</p>}
    </>
  )
}
