/**
 * The WebAuthn library, loaded when it is first needed: it takes 10 MB and a quarter of a second that a server at rest,
 * or one that has just been started, can do without.
 */
export const webauthn = () => {
  loaded ??= import('@simplewebauthn/server')
  return loaded
}

let loaded: Promise<typeof import('@simplewebauthn/server')> | undefined
