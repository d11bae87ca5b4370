import type { Static, TSchema } from 'typebox'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { TLS_SUBJECT_KINDS } from '#clients/certificates.ts'
import type { InitiatorTerms } from '#clients/initiators.ts'
import { scopeList } from '#clients/scopes.ts'
import type { Initiator } from '#clients/store.ts'
import type { InitiatorCard } from './contract.ts'
import { DetailTypes } from './shapes.ts'

const OrNone = <S extends TSchema>(schema: S) => Type.Optional(Type.Union([schema, Type.Null()]))
const Subject = OrNone(Type.String({ minLength: 1, maxLength: 500 }))
const Flag = Type.Optional(Type.Boolean())

/** What an app that asks many users registers beyond its form; names of CIBA Core 1.0 §4, RFC 7591 §2, RFC 8705 §2.1.2. */
export const Registration = {
  backchannel_token_delivery_mode: Type.Optional(Type.String({ maxLength: 10 })),
  backchannel_client_notification_endpoint: OrNone(Type.String({ maxLength: 2_048 })),
  token_endpoint_auth_method: Type.Optional(Type.String({ maxLength: 40 })),
  jwks: OrNone(Type.Object({ keys: Type.Array(Type.Object({}, { additionalProperties: true })) })),
  jwks_uri: OrNone(Type.String({ maxLength: 2_048 })),
  backchannel_authentication_request_signing_alg: OrNone(Type.String({ maxLength: 10 })),
  tls_client_auth_subject_dn: Subject,
  tls_client_auth_san_dns: Subject,
  tls_client_auth_san_uri: Subject,
  tls_client_auth_san_ip: Subject,
  tls_client_auth_san_email: Subject,
  tls_client_certificate_bound_access_tokens: Flag,
  dpop_bound_access_tokens: Flag,
  access_token_format: Type.Optional(Type.String({ maxLength: 10 })),
  scope: Type.Optional(Type.String({ minLength: 1, maxLength: 2_000 })),
  authorization_details_types: Type.Optional(DetailTypes),
  require_match_code: Flag,
  backchannel_user_code_parameter: Flag,
  profile: Type.Optional(Type.String({ maxLength: 10 })),
}

const Said = Type.Object(Registration)
type Said = Static<typeof Said>

/**
 * What was said of it; what was not stays as it is, and null takes away.
 *
 * @throws Refusal `client_metadata_refused` for two that exclude each other
 */
export function termsOf(said: Said): InitiatorTerms {
  const { jwks, scope } = said
  const terms: { [K in keyof InitiatorTerms]: InitiatorTerms[K] | null } = {
    deliveryMode: said.backchannel_token_delivery_mode,
    notificationUrl: said.backchannel_client_notification_endpoint,
    authMethod: said.token_endpoint_auth_method,
    jwks: jwks && JSON.stringify(jwks),
    jwksUrl: said.jwks_uri,
    requestAlg: said.backchannel_authentication_request_signing_alg,
    tlsSubject: tlsSubjectOf(said),
    boundBy: boundByOf(said),
    tokenFormat: said.access_token_format,
    scope,
    detailTypes: said.authorization_details_types,
    requiresMatchCode: said.require_match_code,
    takesUserCode: said.backchannel_user_code_parameter,
    profile: said.profile,
  }
  const given = Object.entries(terms).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [name, value === null ? undefined : value]))
}

/** One of the five that RFC 8705 §2.1.2 knows. */
function tlsSubjectOf(said: Said): string | null | undefined {
  const values = TLS_SUBJECT_KINDS.map((kind) => [kind, said[`tls_client_auth_${kind}`]] as const)
  const given = values.flatMap(([kind, value]) => (value ? [`${kind}:${value}`] : []))
  if (given.length > 1) {
    throw new Refusal('client_metadata_refused', {
      detail: 'Say by one thing alone by what its certificate is known.',
    })
  }
  return given[0] ?? (values.some(([, value]) => value === null) ? null : undefined)
}

function boundByOf(said: Said): InitiatorTerms['boundBy'] {
  const { dpop_bound_access_tokens: dpop, tls_client_certificate_bound_access_tokens: certificate } = said
  if (dpop && certificate) {
    throw new Refusal('client_metadata_refused', {
      detail: 'Tokens are bound by DPoP or to a certificate, not to both.',
    })
  }
  if (dpop === undefined && certificate === undefined) return undefined
  if (dpop) return 'dpop'
  return certificate ? 'certificate' : null
}

/** The same the other way round. */
export function initiatorCard(initiator: Omit<Initiator, 'clientId'>): InitiatorCard {
  const { tlsSubject, boundBy } = initiator
  const at = tlsSubject?.indexOf(':') ?? 0
  return {
    backchannel_token_delivery_mode: initiator.deliveryMode,
    backchannel_client_notification_endpoint: initiator.notificationUrl,
    token_endpoint_auth_method: initiator.authMethod,
    jwks: initiator.jwks === null ? null : JSON.parse(initiator.jwks),
    jwks_uri: initiator.jwksUrl,
    backchannel_authentication_request_signing_alg: initiator.requestAlg,
    ...(tlsSubject ? { [`tls_client_auth_${tlsSubject.slice(0, at)}`]: tlsSubject.slice(at + 1) } : {}),
    tls_client_certificate_bound_access_tokens: boundBy === 'certificate',
    dpop_bound_access_tokens: boundBy === 'dpop',
    access_token_format: initiator.tokenFormat,
    scope: initiator.scopes,
    authorization_details_types: scopeList(initiator.detailTypes),
    require_match_code: initiator.requiresMatchCode === 1,
    backchannel_user_code_parameter: initiator.takesUserCode === 1,
    profile: initiator.profile,
  }
}
