const encoder = new TextEncoder()

export const utf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text)

/** @throws Error when it is not base64 or base64url */
export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (each) => each.charCodeAt(0))

export const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

export const randomText = (): string => base64url(crypto.getRandomValues(new Uint8Array(32)))

/** The first bytes of the SHA-256 of a text, in base64url. */
export const hash = async (text: string, length = 32): Promise<string> =>
  base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(text))).slice(0, length))

/** Compares secrets: of two hashes, how long it takes tells nothing that leads to either. */
export const isSame = async (one: string, other: string): Promise<boolean> =>
  (await hash(one)) === (await hash(other))
