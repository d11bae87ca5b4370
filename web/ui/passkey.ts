import {
  browserSupportsWebAuthn,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  startAuthentication,
  startRegistration,
} from '@simplewebauthn/browser'
import type { CredentialJson } from '../../src/api/contract.ts'
import { type Key, t } from './text.ts'

type Options = Record<string, unknown>

/** Asks the device to use a passkey. */
export const usePasskeyFor = (options: Options) =>
  ceremony(() =>
    startAuthentication({ optionsJSON: options as unknown as PublicKeyCredentialRequestOptionsJSON }),
  )

/** Asks the device to make a passkey. */
export const createPasskey = (options: Options) =>
  ceremony(() =>
    startRegistration({ optionsJSON: options as unknown as PublicKeyCredentialCreationOptionsJSON }),
  )

async function ceremony(start: () => Promise<object>): Promise<CredentialJson> {
  if (!browserSupportsWebAuthn()) throw new Error(t('passkey.unsupported'))
  try {
    return { ...(await start()) }
  } catch (cause) {
    throw new Error(t(reasonOf(cause)), { cause })
  }
}

/** The names are those of WebAuthn Level 3 §5.1.3 and §5.1.4; people get a sentence. */
function reasonOf(cause: unknown): Extract<Key, `passkey.${string}`> {
  const name = cause instanceof Error ? cause.name : ''
  if (name === 'InvalidStateError') return 'passkey.exists'
  if (name === 'NotAllowedError' || name === 'AbortError') return 'passkey.cancelled'
  return 'passkey.failed'
}
