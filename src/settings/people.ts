import { parseAllowList } from '#outbound/policy.ts'
import { always, setting } from './setting.ts'
import { duration, flag, issuerUrl, list, text } from './values.ts'

/** Operators, and how account holders sign in. */
export const people = {
  operatorFresh: always({
    env: 'OPERATOR_FRESH',
    parse: duration,
    fallback: '10m',
    about: 'How long after a passkey an operator may change something without showing it again.',
    example: '5m',
  }),
  reenrolWait: always({
    env: 'REENROL_WAIT',
    parse: duration,
    fallback: '24h',
    about:
      'How long a new enrolment link waits for somebody who has a passkey. They are told at once, and can call it off.',
    example: '48h',
  }),
  oidcIssuer: setting({
    env: 'OIDC_ISSUER',
    parse: issuerUrl,
    about:
      'Issuer of your own OpenID provider. With it users may sign in there; approving still takes a passkey. See docs/sign-in.md.',
    example: 'https://login.example.com/realms/main',
  }),
  oidcClientId: setting({
    env: 'OIDC_CLIENT_ID',
    parse: text,
    about: 'Client id of this server at the provider.',
    example: 'countersign',
  }),
  oidcClientSecret: setting({
    env: 'OIDC_CLIENT_SECRET',
    parse: text,
    about: 'Client secret of this server at the provider.',
    example: 'in COUNTERSIGN_OIDC_CLIENT_SECRET_FILE: /run/secrets/oidc',
    isSecret: true,
  }),
  oidcScopes: always({
    env: 'OIDC_SCOPES',
    parse: text,
    fallback: 'openid profile email',
    about: 'Scopes that are asked of the provider, openid among them.',
    example: 'openid profile groups',
  }),
  oidcAllow: always({
    env: 'OIDC_ALLOW',
    parse: parseAllowList,
    fallback: '',
    about: 'Networks and hosts that the provider may be on beyond the public Internet.',
    example: 'login.corp.example',
  }),
  oidcHandleClaim: always({
    env: 'OIDC_HANDLE_CLAIM',
    parse: text,
    fallback: 'preferred_username',
    about: 'Claim that holds the handle of the user; email counts only where email_verified is true.',
    example: 'email',
  }),
  oidcCreateUsers: always({
    env: 'OIDC_CREATE_USERS',
    parse: flag,
    fallback: '0',
    about: 'Whether somebody whom the provider knows and we do not gets an account at their first sign-in.',
    example: '1',
  }),
  oidcRoleClaim: setting({
    env: 'OIDC_ROLE_CLAIM',
    parse: text,
    about: 'Claim (a text or a list) by which the provider gives roles. Without it roles are given here.',
    example: 'groups',
  }),
  oidcRoles: always({
    env: 'OIDC_ROLES',
    parse: list,
    fallback: '',
    about: 'Which value of that claim means which role; who has none of them is an owner.',
    example: 'ops-team=operator, revision=auditor',
  }),
}
