import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import {
  type AuthenticationResponseJSON,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import { createPasskey } from '../../demo/passkey.ts'

const [ORIGIN, RP_ID] = ['https://sign.example.com', 'sign.example.com']
/** As long as a token's head and claims are. */
const TOKEN = Buffer.alloc(420, 'x')

/**
 * The least that an approval can cost: one passkey's signature checked, one token signed (ES256), and nothing else.
 *
 * @returns for so many of them: how many a second, one at a time, and processor time of each in microseconds
 */
export async function cryptographyAlone() {
  const passkey = createPasskey(ORIGIN)
  const challenge = randomBytes(32).toString('base64url')
  const made = passkey.register({
    challenge,
    rp: { id: RP_ID },
    user: { id: randomBytes(16).toString('base64url') },
  })
  const { registrationInfo } = await verifyRegistrationResponse({
    response: made as unknown as RegistrationResponseJSON,
    expectedChallenge: challenge,
    expectedOrigin: ORIGIN,
    expectedRPID: RP_ID,
  })
  if (!registrationInfo) throw new Error('The passkey was not taken.')
  const { credential } = registrationInfo
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

  return async (count: number) => {
    const signed = Array.from({ length: count }, () => {
      const challenge = randomBytes(32).toString('base64url')
      return { challenge, response: passkey.assert({ challenge, rpId: RP_ID }) }
    })
    const [cpuBefore, from] = [process.cpuUsage(), performance.now()]
    for (const { challenge, response } of signed) {
      const { verified } = await verifyAuthenticationResponse({
        response: response as unknown as AuthenticationResponseJSON,
        credential,
        expectedChallenge: challenge,
        expectedOrigin: ORIGIN,
        expectedRPID: RP_ID,
        requireUserVerification: true,
      })
      if (!verified) throw new Error('A signature was not taken.')
      sign('sha256', TOKEN, { key: privateKey, dsaEncoding: 'ieee-p1363' })
    }
    const used = process.cpuUsage(cpuBefore)
    return {
      rate: count / ((performance.now() - from) / 1_000),
      cpuUs: (used.user + used.system) / count,
    }
  }
}
